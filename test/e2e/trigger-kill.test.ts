// kill -9 of the real process twenty-four times, four of them while it starts, under schedules that come due each
// second and deliveries that are repeated until they are taken: each time and each delivery is in a ledger once, and
// has brought about one run in a conversation of its own.

import { Webhook } from "standardwebhooks";
import { afterAll, beforeAll, expect, test } from "vitest";
import { seeded } from "../../runtime/testkit/schedule.ts";
import { type Product, startProduct } from "../support/product.ts";
import type { Json } from "../support/wire-client.ts";

const KILLS = 20;
/** Longest life of one process, ms, and about the time of a start. */
const LIFE_MS = 450;
const START_MS = 800;
const LANES = 3;
const SECOND_MS = 1_000;
const within = { timeout: 30_000, interval: 50 };

let product: Product;
let agent = "";
beforeAll(async () => {
  product = await startProduct({ env: { TROUPE_WORKERS: "1" } });
  agent = await made("/v2/agents", { name: "Desk", model_name: "m" });
});
afterAll(() => product.end());

async function made(path: string, body: object): Promise<string> {
  const { status, body: one } = await product.call("POST", path, body);
  expect([status, one.detail]).toEqual([201, undefined]);
  return one.id;
}

async function all(path: string): Promise<readonly Json[]> {
  const rows: Json[] = [];
  for (let cursor = ""; ; ) {
    const more = cursor === "" ? "" : `&cursor=${encodeURIComponent(cursor)}`;
    const { body } = await product.call(
      "GET",
      `${path}${path.includes("?") ? "&" : "?"}limit=100${more}`,
    );
    rows.push(...body.data);
    cursor = body.next_cursor ?? "";
    if (cursor === "") return rows;
  }
}
const ledger = async (id: string) => [...(await all(`/v2/triggers/${id}/occurrences`))].reverse();

/** Sends one delivery until it is taken. */
async function deliver(id: string, secret: string, number: number): Promise<void> {
  const body = JSON.stringify({ number });
  for (let status = 0; status !== 202; ) {
    const at = new Date();
    const headers = {
      "webhook-id": `msg_${number}`,
      "webhook-timestamp": `${Math.floor(at.getTime() / SECOND_MS)}`,
      "webhook-signature": new Webhook(secret).sign(`msg_${number}`, at, body),
    };
    // Its connection may break, or nobody listen.
    const sent = product.call("POST", `/hooks/${id}`, body, { key: "", headers });
    status = await sent.then(
      (answer) => answer.status,
      () => 0,
    );
    expect([0, 202, 429, 503]).toContain(status);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

test("over kills each second of two schedules, each delivery and each start brings about one run", {
  timeout: 170_000,
}, async () => {
  const seed = Number(process.env["E2E_SEED"] ?? Date.now() % 1_000_000);
  console.log(`trigger-kill.test: seed ${seed} (E2E_SEED repeats it)`);
  const random = seeded(seed);
  const secret = `whsec_${Buffer.alloc(32, 5).toString("base64")}`;
  const common = { target: agent, concurrency: "queue", queue_max: 1_000 };
  const schedule = { ...common, type: "schedule", missed: "all" };
  const every = await made("/v2/triggers", { ...schedule, name: "Every", every: 1 });
  const cron = { cron: "* * * * * *", time_zone: "Europe/Berlin" };
  const zoned = await made("/v2/triggers", { ...schedule, name: "Zoned", ...cron });
  const secrets = { signing: secret };
  const hook = await made("/v2/triggers", { ...common, name: "Hook", type: "webhook", secrets });
  const up = await made("/v2/triggers", { ...common, name: "Up", type: "startup" });

  let isOver = false;
  let sent = 0;
  const taken: number[] = [];
  const lanes = Array.from({ length: LANES }, async () => {
    while (!isOver) {
      sent += 1;
      const number = sent;
      await deliver(hook, secret, number);
      taken.push(number);
      await new Promise((resolve) => setTimeout(resolve, 150));
    }
  });
  let starts = 0;
  for (let kill = 0; kill < KILLS; kill += 1) {
    await new Promise((resolve) => setTimeout(resolve, random() * LIFE_MS));
    await product.kill();
    if (kill % 5 === 4) await product.startAndKill(random() * START_MS);
    await product.start();
    starts += kill % 5 === 4 ? 2 : 1;
  }
  isOver = true;
  await Promise.all(lanes);
  // What has come due is begun; nothing more does.
  await product.call("PATCH", `/v2/triggers/${every}`, { every: 366 * 86_400 });
  await product.call("PATCH", `/v2/triggers/${zoned}`, { cron: "0 0 1 1 *" });
  const ids = [every, zoned, hook, up];
  const isAtRest = async (id: string): Promise<boolean> => {
    const { working, waiting } = (await product.call("GET", `/v2/triggers/${id}/status`)).body;
    return working === null && waiting === 0;
  };
  for (const id of ids) await expect.poll(() => isAtRest(id), within).toBe(true);

  const rows = new Map<string, readonly Json[]>();
  for (const id of ids) rows.set(id, await ledger(id));
  for (const id of [every, zoned]) {
    const times = (rows.get(id) ?? []).map(({ at }) => Date.parse(at));
    expect(times.length).toBeGreaterThan(KILLS / 2);
    expect(times).toEqual(times.map((_, at) => (times[0] ?? 0) + at * SECOND_MS));
  }
  const delivered = (rows.get(hook) ?? []).map(({ data }) => data.body.number);
  expect(delivered.sort((a: number, b: number) => a - b)).toEqual(taken.sort((a, b) => a - b));
  const ups = rows.get(up)?.length ?? 0;
  expect(ups).toBeGreaterThan(0);
  expect(ups).toBeLessThanOrEqual(starts);

  const rowsOfAll = [...rows.values()].flat();
  expect([...new Set(rowsOfAll.map(({ state, why }) => `${state} ${why}`))]).toEqual([
    "completed null",
  ]);
  const told = (names: readonly string[]) => [...names].sort();
  const conversations = await all(`/v2/conversations?agent_key=${agent}`);
  expect(told(conversations.map(({ id }) => id))).toEqual(
    told(rowsOfAll.map(({ conversation_key }) => conversation_key)),
  );
  expect(new Set(rowsOfAll.map(({ run_id }) => run_id)).size).toBe(rowsOfAll.length);
  for (const { conversation_key: key } of rowsOfAll) {
    const { data } = (await product.call("GET", `/v2/conversations/${key}/messages`)).body;
    expect(data.map(({ role }: Json) => role)).toEqual(["user", "assistant"]);
  }
});
