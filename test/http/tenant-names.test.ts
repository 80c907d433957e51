// Tenants whose names begin alike, and who try each other's ids and cursors: each finds its own and
// nothing of the other's, and so does what suspends or removes one of them.

import { afterAll, beforeAll, expect, test } from "vitest";
import { type HttpHost, startHttpHost } from "../support/http-host.ts";
import type { Answer, Json } from "../support/wire-client.ts";

/** One name is the beginning of the other; a slash or "~" would come between them in the order of keys. */
const NAMES = ["tn_a", "tn_ab"] as const;
const AGENTS = 3;

let host: HttpHost;
let admin: { readonly key: string };
const keys: Record<string, string> = {};

beforeAll(async () => {
  host = await startHttpHost();
  admin = { key: host.adminKey };
  for (const id of NAMES) {
    const value = { id, name: id, created_at: new Date(0).toISOString() };
    const row = { type: "put", table: "tenants", id, value } as const;
    await host.system.tables.write("tn_system", [row]);
    await host.setBalance(1_000, id);
    keys[id] = await host.makeKey(["*"], id);
    for (let n = 0; n < AGENTS; n += 1) {
      const { body } = await as(id, "POST", "/v2/agents", { name: `${id} ${n}` });
      await as(id, "POST", `/v2/agents/${body.id}/runs`, { input: `of ${id}` });
    }
    await as(id, "POST", "/v2/prompts", { name: `${id}`, template: "Hi" });
  }
});
afterAll(() => host.stop());

function as(tenant: string, method: string, path: string, body?: unknown): Promise<Answer> {
  return host.call(method, path, body, { key: keys[tenant] ?? "" });
}

const lists = ["/v2/agents", "/v2/runs", "/v2/conversations", "/v2/prompts"];
const listed = async (tenant: string, path: string): Promise<readonly Json[]> =>
  (await as(tenant, "GET", `${path}?limit=100`)).body.data;
const idOf = (row: Json): string => row.id ?? row.agent_key ?? row.conversation_key;

test("lists of tenants whose names begin alike have nothing in common", async () => {
  for (const path of lists) {
    const [first, second] = await Promise.all(NAMES.map((name) => listed(name, path)));
    const ids = new Set((first ?? []).map(idOf));

    expect(ids.size).toBe(path === "/v2/prompts" ? 1 : AGENTS);
    expect((second ?? []).filter((row) => ids.has(idOf(row)))).toEqual([]);
  }
});

test("a cursor of one tenant shows another one only what is its own", async () => {
  for (const path of lists) {
    const { body } = await as("tn_a", "GET", `${path}?limit=1`);
    const cursor = body.next_cursor ?? "";
    const own = new Set((await listed("tn_ab", path)).map(idOf));

    const answer = await as("tn_ab", "GET", `${path}?cursor=${encodeURIComponent(cursor)}`);

    expect([200, 400]).toContain(answer.status);
    expect((answer.body.data ?? []).every((row: Json) => own.has(idOf(row)))).toBe(true);
  }
});

test("an id of another tenant is as unknown as one that never was", async () => {
  const [agent, run, conversation, prompt] = await Promise.all(
    lists.map(async (path) => idOf((await listed("tn_a", path))[0])),
  );
  const paths = [
    ...[`/v2/agents/${agent}`, `/v2/runs/${run}`, `/v2/runs/${run}/events`],
    ...[`/v2/conversations/${conversation}`, `/v2/prompts/${prompt}`],
  ];

  const answers = await Promise.all(paths.map((path) => as("tn_ab", "GET", path)));

  expect(answers.map(({ status }) => status)).toEqual(paths.map(() => 404));
});

test("X-Tenant of a tenant's own key changes nothing", async () => {
  const headers = { "X-Tenant": "tn_a" };
  const key = keys["tn_ab"] ?? "";
  const { body } = await host.call("GET", "/v2/agents", undefined, { key, headers });

  expect(body.data.map(({ name }: Json) => name.split(" ")[0])).toEqual(Array(3).fill("tn_ab"));
});

test("who suspends or removes the one leaves the other as it was", async () => {
  const before = await Promise.all(lists.map((path) => listed("tn_ab", path)));

  await host.call("POST", "/admin/tenants/tn_a/suspend", undefined, admin);
  const beside = await as("tn_ab", "GET", "/v2/agents");
  await host.call("DELETE", "/admin/tenants/tn_a", undefined, admin);
  const phase = async (): Promise<string> =>
    (await host.call("GET", "/admin/tenants/tn_a", undefined, admin)).body.purge.phase;
  await expect.poll(phase, { timeout: 10_000 }).toBe("compacting");

  expect(beside.status).toBe(200);
  expect((await as("tn_a", "GET", "/v2/agents")).status).toBe(401);
  expect(await Promise.all(lists.map((path) => listed("tn_ab", path)))).toEqual(before);
});
