// Budgets through the door: what they let through, what they refuse and how each surface says it, what is
// paused and goes on, and what a cut leaves.

import { afterEach, expect, test } from "vitest";
import { createPrices, operationPricesMicros } from "../../../actors/money/catalogue.ts";
import { joinRecord } from "../../../actors/run-record.ts";
import { replayRecord } from "../../../adapters/replay/replay.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import { type HttpHost, startHttpHost } from "../../support/http-host.ts";
import { createGate } from "../../support/scripted-llm.ts";

/** Units a token, so that figures can be read: the scripted model counts 10 and 5. */
const price = { inputMicros: 1_000_000, outputMicros: 2_000_000 };
const CALL = 20 / 1_000_000;
const prices = createPrices({
  ...{
    unit: "credits",
    operations: operationPricesMicros,
    defaultModel: "m-1",
    hasProviders: true,
  },
  models: { "m-1": price, "m-2": price },
});
const path = "/admin/budgets";
let host: HttpHost;

afterEach(() => host.stop());

async function begin(model = "m-1", more: object = {}): Promise<string> {
  host = await startHttpHost({ prices });
  await host.setBalance(100);
  host.llm.script = () => "Hello.";
  const { body } = await host.call("POST", "/v2/agents", { name: "A", model_name: model, ...more });
  return body.id;
}

async function secondAgent(): Promise<string> {
  return (await host.call("POST", "/v2/agents", { name: "B", model_name: "m-1" })).body.id;
}

async function budget(of: object): Promise<string> {
  const { status, body } = await host.call("POST", path, { scope: "tenant", ...of });
  expect(status, JSON.stringify(body)).toBe(201);
  return body.id;
}

const seen = async (id: string) => (await host.call("GET", `${path}/${id}`)).body;

const run = (agent: string, more: object = {}) =>
  host.call("POST", `/v2/agents/${agent}/runs`, { input: "Hi", ...more });

test("a call is settled at what it cost, in each budget that it counts for", async () => {
  const agent = await begin();
  const [all, own, other] = [
    await budget({ limit: 1 }),
    await budget({ scope: "agent", subject: agent, limit: 1, period: "day" }),
    await budget({ scope: "agent", subject: await secondAgent(), limit: 1 }),
  ];
  expect((await run(agent)).status).toBe(200);

  await expect.poll(async () => (await seen(all)).used, { timeout: 5_000 }).toBe(CALL);
  expect(await seen(all)).toMatchObject({
    reserved: 0,
    left: 1 - CALL,
    overrun: 0,
    resets_at: null,
  });
  expect(await seen(own)).toMatchObject({ used: CALL, resets_at: expect.any(String) });
  expect(await seen(other)).toMatchObject({ used: 0 });
  // The answer of a model that is asked with no limit of tokens has one now.
  expect(host.llm.requests.at(-1)?.maxTokens).toBe(8_192);
});

test("a budget of what is not there, or is another tenant's, is refused: it would limit nothing", async () => {
  await begin();
  await host.setBalance(100, host.otherTenant);
  const other = { key: host.otherKey };
  const theirs = (await host.call("POST", "/v2/agents", { name: "T" }, other)).body.id;
  const keys = (await host.call("GET", "/admin/keys", undefined, other)).body.data;

  for (const [scope, subject] of [
    ["agent", "ag_nobody"],
    ["agent", theirs],
    ["agent", "wf_nobody"],
    ["key", "ak_nobody"],
    ["key", keys[0].id],
  ]) {
    const { status, body } = await host.call("POST", path, { scope, subject, limit: 1 });
    expect(subject).toMatch(/^(ag|wf|ak)_/);
    expect([status, body.pointer], subject).toEqual([400, "/subject"]);
  }
});

test("a run within budgets is replayed the same", async () => {
  const agent = await begin();
  await budget({ limit: 1 });
  const { body } = await run(agent);

  const record = await host.call("GET", `/v2/runs/${body.run_id}/record`);
  const { replay } = await replayRecord(joinRecord(record.body.data));

  expect(JSON.stringify(record.body.data)).toContain('"budget:model:1:1"');
  expect(replay.divergence).toBeNull();
  expect(replay.outcome).toMatchObject({ status: "completed" });
});

test("what is left decides how long an answer may be, and then whether there is one", async () => {
  const agent = await begin("m-1", { max_tokens: 4_000 });
  const id = await budget({ scope: "agent", subject: agent, limit: 0.004 });
  expect((await run(agent)).status).toBe(200);
  const given = host.llm.requests.at(-1)?.maxTokens ?? 0;
  expect(given).toBeLessThan(2_000);
  expect(given).toBeGreaterThan(1_000);

  const before = await host.balance();
  await host.call("PATCH", `${path}/${id}`, { limit: 0.0005 });
  const { status, body } = await run(agent);
  expect(status).toBe(402);
  expect(body).toMatchObject({
    code: "BUDGET_EXHAUSTED",
    retryable: false,
    limit: { budget: id, scope: "agent", subject: agent, limit: 0.0005 },
  });
  expect(body.limit.left).toBeCloseTo(0.0005 - CALL, 9);
  expect(body.limit.needed).toBeGreaterThan(body.limit.left);
  // What was not answered is not charged.
  expect(await host.balance()).toBe(before);
});

test("every surface says which limit was reached", async () => {
  const agent = await begin();
  await budget({ limit: 0 });
  const asked = host.llm.requests.length;
  const chat = { agent_key: agent, message: "Hi" };
  const proxy = await host.call("POST", "/v1/proxy/core-agent-chat", chat);
  expect(proxy.status).toBe(402);
  expect(proxy.body).toMatchObject({
    status: "error",
    error: { code: "BUDGET_EXHAUSTED", limit: { scope: "tenant", limit: 0, left: 0 } },
  });
  const messages = [{ role: "user", content: "Hi" }];
  const openai = await host.call("POST", "/v1/chat/completions", {
    model: `agent:${agent}`,
    messages,
  });
  expect(openai.status, JSON.stringify(openai.body)).toBe(402);
  expect(openai.body.error).toMatchObject({
    type: "insufficient_quota",
    code: "insufficient_quota",
  });
  expect(openai.body.error.message).toMatch(
    /budget of this tenant is used up: 0 may be spent, 0 is left/,
  );
  const anthropic = await host.call("POST", "/v1/messages", {
    model: `agent:${agent}`,
    messages,
    max_tokens: 50,
  });
  expect(anthropic.status).toBe(402);
  expect(anthropic.body.error.message).toMatch(/budget of this tenant/);
  expect(host.llm.requests.length).toBe(asked);
});

test("a model without a price is not asked where a budget limits it", async () => {
  const agent = await begin("m-unknown");
  expect((await run(agent)).status).toBe(200);
  const id = await budget({ limit: 5 });
  const asked = host.llm.requests.length;
  const { status, body } = await run(agent);
  expect(status).toBe(402);
  expect(body).toMatchObject({ code: "PRICE_UNKNOWN" });
  expect(body.detail).toMatch(/"m-unknown".*known_models/);
  expect(host.llm.requests.length).toBe(asked);
  await host.call("DELETE", `${path}/${id}`);
  expect((await run(agent)).status).toBe(200);
});

test("a price that is another model's is not relied on where a budget limits the call", async () => {
  const agent = await begin("m-1-large");
  expect((await run(agent)).status).toBe(200);
  await budget({ limit: 5 });
  const asked = host.llm.requests.length;
  const { status, body } = await run(agent);
  expect(status).toBe(402);
  expect(body).toMatchObject({ code: "PRICE_UNKNOWN" });
  expect(body.detail).toMatch(/"m-1-large" has a price only because its name begins with "m-1"/);
  expect(host.llm.requests.length).toBe(asked);
  await host.call("PATCH", `/v2/agents/${agent}`, { model_name: "m-1-2026-11-23" });
  expect((await run(agent)).status).toBe(200);
});

test("a paused run is seen to wait, and goes on when the budget is raised", async () => {
  const agent = await begin();
  const id = await budget({ limit: 0, on_exhausted: "pause" });
  const waiting = await run(agent);
  expect(waiting.status).toBe(202);
  expect(waiting.body).toMatchObject({ status: "waiting", waits: [{ kind: "budget" }] });
  expect(host.llm.requests.length).toBe(0);
  await host.call("PATCH", `${path}/${id}`, { limit: 1 });
  const end = `/v2/runs/${waiting.body.run_id}`;
  await expect
    .poll(async () => (await host.call("GET", end)).body.status, { timeout: 10_000 })
    .toBe("completed");
  await expect.poll(async () => (await seen(id)).used, { timeout: 5_000 }).toBe(CALL);
});

test("a call waits for what others hold, and is not refused what they give back", async () => {
  const agent = await begin("m-1", { max_tokens: 300 });
  const id = await budget({ limit: 1 });
  const gate = createGate();
  host.llm.script = async ({ signal, call }) => {
    if (call === 1) await gate.wait(signal);
    return "Hello.";
  };
  const first = run(agent);
  await gate.reached;
  const held = await host.call("GET", `${path}/${id}/reservations`);
  expect(held.body.data).toMatchObject([{ call: "model:1:1", amount: expect.any(Number) }]);
  // Room for one call and a half, by what they may cost.
  await host.call("PATCH", `${path}/${id}`, { limit: 1.5 * held.body.data[0].amount });
  const second = run(agent);
  await expect.poll(async () => (await seen(id)).waiting, { timeout: 5_000 }).toBe(1);
  gate.open();
  expect((await first).status).toBe(200);
  expect((await second).status).toBe(200);
  await expect.poll(async () => (await seen(id)).used, { timeout: 5_000 }).toBe(2 * CALL);
  expect(await seen(id)).toMatchObject({ reserved: 0, waiting: 0 });
});

test("a refused call costs nothing, a cut one what was reserved", async () => {
  const agent = await begin("m-1", { max_tokens: 300 });
  const id = await budget({ limit: 1 });
  host.llm.script = () => {
    throw new RuntimeError("PROVIDER_FAILED", "No.", { status: 400 });
  };
  expect((await run(agent)).status).toBe(502);
  await expect.poll(async () => (await seen(id)).reserved, { timeout: 5_000 }).toBe(0);
  expect((await seen(id)).used).toBe(0);

  const gate = createGate();
  host.llm.script = async ({ signal, write }) => {
    write("Begun");
    await gate.wait(signal);
    return "never";
  };
  const cut = host.call("POST", `/v2/agents/${agent}/runs`, { input: "Hi", mode: "background" });
  await gate.reached;
  const { run_id } = (await cut).body;
  await host.call("POST", `/v2/runs/${run_id}/cancel`, {});
  await expect.poll(async () => (await seen(id)).reserved, { timeout: 5_000 }).toBe(0);
  expect((await seen(id)).used).toBeGreaterThan(300 * 2e-6);
});

test("budgets of another tenant are unknown, and who made and changed one is written down", async () => {
  await begin();
  const id = await budget({ limit: 1 });
  await host.call("PATCH", `${path}/${id}`, { limit: 2 });
  await host.call("DELETE", `${path}/${id}`);
  expect((await host.call("GET", `${path}/${id}`)).status).toBe(404);
  const rows = await host.system.tables.list(host.tenant, "audit", { limit: 200 });
  const own = rows.map(({ value }) => value as { action: string; subject: string });
  const actions = own.filter(({ subject }) => subject === id).map(({ action }) => action);
  expect(actions).toEqual(["budget.create", "budget.raise", "budget.delete"]);
});
