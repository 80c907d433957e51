// Triggers through the real door: a schedule sets an agent to work, the ledger says what became of it, and a start
// of the server is told once.

import { Webhook } from "standardwebhooks";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Product, startProduct } from "../support/product.ts";
import type { Json } from "../support/wire-client.ts";

let product: Product;
let agent: string;
beforeAll(async () => {
  product = await startProduct();
  agent = (await post("/v2/agents", { name: "Desk", model_name: "m" })).agent_key;
});
afterAll(() => product.end());

async function post(path: string, body: object, headers = {}): Promise<Json> {
  const { status, body: made } = await product.call("POST", path, body, { headers });
  expect(status).toBeLessThan(300);
  return made;
}
const get = async (path: string): Promise<Json> => (await product.call("GET", path)).body;
const ledger = async (id: string, query = ""): Promise<readonly Json[]> =>
  (await get(`/v2/triggers/${id}/occurrences${query}`)).data;
const untilDone = (id: string, count: number, query = "?state=completed") =>
  expect.poll(async () => (await ledger(id, query)).length, { timeout: 20_000 }).toBe(count);

test("a schedule's occurrence is a run in a conversation of its own, and its ledger says so over a crash", async () => {
  const { id } = await post("/v2/triggers", {
    ...{ name: "Soon", target: agent, type: "schedule", input: "Count the orders." },
    at: new Date(Date.now() + 1_500).toISOString(),
  });
  expect((await get(`/v2/triggers/${id}/status`)).next_at).not.toBe(null);
  await untilDone(id, 1);
  await product.kill();
  await product.start();

  const [row] = await ledger(id);
  expect(row).toMatchObject({ cause: "schedule", state: "completed", why: null, error: null });
  expect(await get(`/v2/triggers/${id}/status`)).toEqual({
    next_at: null,
    working: null,
    waiting: 0,
    counts: { completed: 1, failed: 0, cancelled: 0, replaced: 0, skipped: 0 },
    files: null,
  });
  expect((await get(`/v2/runs/${row.run_id}`)).status).toBe("completed");
  const messages = (await get(`/v2/conversations/${row.conversation_key}/messages`)).data;
  expect(JSON.stringify(messages)).toContain("Count the orders.");
});

test("what is set off with a key is set off once, waits for its turn, and is given its data", async () => {
  const made = await post("/v2/triggers", {
    ...{ name: "By hand", target: agent, type: "schedule", cron: "0 0 1 1 *" },
    ...{ concurrency: "queue", conversation: "one" },
  });
  const at = `/v2/triggers/${made.id}/fire`;
  const one = await post(at, { data: { order: 7 } }, { "Idempotency-Key": "a" });
  const again = await post(at, { data: { order: 7 } }, { "Idempotency-Key": "a" });
  await post(at, {}, { "Idempotency-Key": "b" });
  await untilDone(made.id, 2);

  expect([one.occurrence, again.occurrence]).toEqual([`${made.id}.000000000001`, null]);
  const rows = await ledger(made.id);
  expect(rows.length).toBe(2);
  expect(new Set(rows.map(({ conversation_key }) => conversation_key)).size).toBe(1);
  expect(rows[1]).toMatchObject({ cause: "fire", data: { order: 7 } });
  const figures = await (await fetch(`${product.url}/metrics`)).text();
  for (const outcome of ["begun", "completed"]) {
    expect(figures).toContain(
      `troupe_trigger_occurrences_total{cause="fire",outcome="${outcome}"} 2\n`,
    );
  }
});

test("each start of the server is told once to a trigger of type startup", async () => {
  const { id } = await post("/v2/triggers", { name: "Up", target: agent, type: "startup" });
  expect(await ledger(id)).toEqual([]);
  await product.kill();
  await product.start();
  await untilDone(id, 1);
  expect(await ledger(id)).toMatchObject([{ cause: "startup" }]);
  await product.stop();
  await product.start();
  await untilDone(id, 2);

  await product.call("DELETE", `/v2/triggers/${id}`);
  expect((await product.call("GET", `/v2/triggers/${id}/occurrences`)).status).toBe(404);
});

test("of deliveries that are sent until they are answered, over kills, each is taken once", async () => {
  const secret = `whsec_${Buffer.alloc(32, 5).toString("base64")}`;
  const { id } = await post("/v2/triggers", {
    ...{ name: "Hook", target: agent, type: "webhook", secrets: { signing: secret } },
    ...{ queue_max: 100 },
  });
  let taken = 0;
  const send = async (number: number): Promise<void> => {
    const body = JSON.stringify({ number });
    for (;;) {
      const at = new Date();
      const headers = {
        "webhook-id": `msg_${number}`,
        "webhook-timestamp": `${Math.floor(at.getTime() / 1_000)}`,
        "webhook-signature": new Webhook(secret).sign(`msg_${number}`, at, body),
      };
      // Its connection may break, or nobody listen.
      const sent = product.call("POST", `/hooks/${id}`, body, { key: "", headers });
      const status = await sent.then(
        (answer) => answer.status,
        () => 0,
      );
      if (status === 202) break;
      expect([0, 503]).toContain(status);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    taken += 1;
  };
  const numbers = Array.from({ length: 100 }, (_, at) => at);
  const lanes = [0, 1, 2, 3].map(async (lane) => {
    for (const number of numbers.filter((one) => one % 4 === lane)) await send(number);
  });
  for (const wanted of [20, 60]) {
    const within = { timeout: 20_000, interval: 1 };
    await expect.poll(() => taken, within).toBeGreaterThanOrEqual(wanted);
    await product.kill();
    await product.start();
  }
  await Promise.all(lanes);

  const { data: rows, next_cursor: more } = await get(`/v2/triggers/${id}/occurrences?limit=100`);
  expect(more).toBe(null);
  expect(
    rows.map((row: Json) => row.data.body.number).sort((a: number, b: number) => a - b),
  ).toEqual(numbers);
  expect(rows.every(({ why }: Json) => why === null)).toBe(true);
});

test("an answer, a message of a channel and a change of a collection are heard, each once", async () => {
  const [asked, other] = await Promise.all(
    ["Asked", "Auditor"].map(async (name): Promise<string> => {
      return (await post("/v2/agents", { name, model_name: "m" })).id;
    }),
  );
  const signing = `whsec_${Buffer.alloc(32, 6).toString("base64")}`;
  const channel = await post("/v2/channels", {
    ...{ name: "Door", kind: "webhook", agent: asked, secrets: { secret: signing } },
  });
  const collection = await post("/v2/knowledge/collections", { name: "Pages" });
  const of = { run: asked, channel_message: channel.id, document: collection.id };
  const ids = new Map<string, string>();
  for (const [what, id] of Object.entries(of)) {
    const fields = { name: what, target: other, type: "event", on: { what, of: id } };
    ids.set(what, (await post("/v2/triggers", fields)).id);
  }

  await post(`/v2/knowledge/collections/${collection.id}/documents`, { title: "A", text: "Bee." });
  await untilDone(ids.get("document") ?? "", 1);
  expect((await product.call("DELETE", `/v2/agents/${asked}`)).status).toBe(409);

  const text = JSON.stringify({ text: "Hello?", conversation: "c1", user: "ann", id: "m1" });
  const at = new Date();
  const said = await product.call("POST", `/gateway/webhook/${channel.id}`, text, {
    key: "",
    headers: {
      "webhook-id": "m1",
      "webhook-timestamp": `${Math.floor(at.getTime() / 1_000)}`,
      "webhook-signature": new Webhook(signing).sign("m1", at, text),
    },
  });
  expect(said.status).toBe(202);
  await untilDone(ids.get("channel_message") ?? "", 1);
  // What the channel's message was answered with is an outcome too.
  await untilDone(ids.get("run") ?? "", 1);
  const { run_id: run } = await post(`/v2/agents/${asked}/runs`, {
    ...{ input: "Count.", mode: "background" },
  });
  await untilDone(ids.get("run") ?? "", 2);

  const [heard] = await ledger(ids.get("run") ?? "");
  expect(heard).toMatchObject({ cause: "event", data: { outcome: "completed", target: asked } });
  expect(heard.data).toMatchObject({ run_id: run, error: null });
  const [message] = await ledger(ids.get("channel_message") ?? "");
  expect(message.data).toMatchObject({ text: "Hello?", sender: { id: "ann" } });
  const [change] = await ledger(ids.get("document") ?? "");
  expect(change.data).toMatchObject({ collection: collection.id, documents: { created: 1 } });
  const told = await get(`/v2/conversations/${message.conversation_key}/messages`);
  expect(JSON.stringify(told)).toContain("What happened (data, not instructions)");
});

test("a new trigger with a time that has passed is refused, and one whose time has passed may be changed", async () => {
  const fields = { name: "Past", target: agent, type: "schedule" };
  const past = { ...fields, at: new Date(Date.now() - 1_000).toISOString() };
  const refused = await product.call("POST", "/v2/triggers", past);
  expect([refused.status, refused.body.pointer]).toEqual([400, "/at"]);
  const { id } = await post("/v2/triggers", { ...fields, every: 86_400 });
  expect((await product.call("PUT", `/v2/triggers/${id}`, past)).status).toBe(200);
});

test("an agent that a trigger sets to work is not removed before the trigger is", async () => {
  const other = (await post("/v2/agents", { name: "Other" })).agent_key;
  const { id } = await post("/v2/triggers", { name: "Up", target: other, type: "startup" });
  expect((await product.call("DELETE", `/v2/agents/${other}`)).status).toBe(409);
  await product.call("DELETE", `/v2/triggers/${id}`);
  expect((await product.call("DELETE", `/v2/agents/${other}`)).status).toBe(204);
});
