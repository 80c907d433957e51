// Budgets that count what is charged: the prices of services, beside what models cost.

import { afterEach, expect, test } from "vitest";
import { createPrices, operationPricesMicros } from "../../../actors/money/catalogue.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import { type HttpHost, startHttpHost } from "../../support/http-host.ts";
import { createGate } from "../../support/scripted-llm.ts";

const price = { inputMicros: 1_000_000, outputMicros: 2_000_000 };
const SPEND = 20 / 1_000_000;
/** Of a chat, as document 001 has it. */
const CHAT = 0.001;
const prices = createPrices({
  ...{ unit: "credits", operations: operationPricesMicros, models: { "m-1": price } },
  ...{ defaultModel: "m-1", hasProviders: true },
});
const path = "/admin/budgets";
let host: HttpHost;

afterEach(() => host.stop());

async function begin(): Promise<string> {
  host = await startHttpHost({ prices });
  await host.setBalance(100);
  host.llm.script = () => "Hello.";
  const agent = { name: "A", model_name: "m-1" };
  return (await host.call("POST", "/v2/agents", agent)).body.id;
}

async function budget(of: object): Promise<string> {
  const { status, body } = await host.call("POST", path, { counts: "charge", ...of });
  expect(status, JSON.stringify(body)).toBe(201);
  expect(body.counts).toBe("charge");
  return body.id;
}

const seen = async (id: string) => (await host.call("GET", `${path}/${id}`)).body;
/** Rows in the audit that say that it refused something: one for each service in a minute. */
async function refusals(id: string): Promise<number> {
  const { body } = await host.call("GET", "/admin/audit?action=budget.refuse");
  return body.data.filter(({ subject }: { readonly subject: string }) => subject === id).length;
}

const run = (agent: string, more: object = {}) =>
  host.call("POST", `/v2/agents/${agent}/runs`, { input: "Hi", ...more });

test("a budget of charges counts prices, one of spend what models cost", async () => {
  const agent = await begin();
  const charged = await budget({
    scope: "agent",
    subject: agent,
    limit: 2 * CHAT,
    period: "month",
  });
  const spent = (await host.call("POST", path, { scope: "tenant", limit: 1 })).body;
  expect(spent.counts).toBe("spend");
  expect((await run(agent)).status).toBe(200);
  await expect.poll(async () => (await seen(spent.id)).used, { timeout: 5_000 }).toBe(SPEND);
  expect(await seen(charged)).toMatchObject({ used: CHAT, left: CHAT, reserved: 0 });

  const completion = { model: `agent:${agent}`, messages: [{ role: "user", content: "Hi" }] };
  expect((await host.call("POST", "/v1/chat/completions", completion)).status).toBe(200);
  const [asked, balance] = [host.llm.requests.length, await host.balance()];
  const refused = await run(agent);
  expect(refused.status).toBe(402);
  expect(refused.body).toMatchObject({
    code: "BUDGET_EXHAUSTED",
    limit: {
      budget: charged,
      scope: "agent",
      subject: agent,
      limit: 2 * CHAT,
      left: 0,
      needed: CHAT,
    },
  });
  expect(refused.body.detail).toMatch(/0\.002 a month may be charged, 0 is left/);
  expect((await host.call("POST", "/v1/chat/completions", completion)).status).toBe(402);
  expect(host.llm.requests.length).toBe(asked);
  expect(await host.balance()).toBe(balance);
  expect(refused.body.limit.counts).toBe("charge");
  await expect.poll(() => refusals(charged), { timeout: 5_000 }).toBe(2);
  await host.call("PATCH", `${path}/${charged}`, { limit: 1 });
  expect((await run(agent)).status).toBe(200);
});

test("what is not delivered is given back to the budget too", async () => {
  const agent = await begin();
  const id = await budget({ scope: "tenant", limit: 1 });
  host.llm.script = () => {
    throw new RuntimeError("PROVIDER_FAILED", "No.", { status: 400 });
  };
  expect((await run(agent)).status).toBe(502);
  const completion = { model: `agent:${agent}`, messages: [{ role: "user", content: "Hi" }] };
  expect((await host.call("POST", "/v1/chat/completions", completion)).status).toBe(502);
  expect((await seen(id)).used).toBe(0);
});

test("a merged message is charged, and given back with the run that it joins", async () => {
  const agent = await begin();
  const id = await budget({ scope: "tenant", limit: 1 });
  const gate = createGate();
  host.llm.script = async ({ signal, call }) => {
    if (call === 1) await gate.wait(signal);
    if (call > 1) throw new RuntimeError("PROVIDER_FAILED", "No.", { status: 400 });
    return "Hello.";
  };
  const first = await run(agent, { mode: "background" });
  await gate.reached;
  const { conversation_key } = first.body;
  const more = { mode: "background", on_busy: "merge", conversation_key };
  const second = await run(agent, more);
  expect((await run(agent, more)).body.run_id).toBe(second.body.run_id);
  expect((await seen(id)).used).toBe(3 * CHAT);
  gate.open();
  await expect.poll(async () => (await seen(id)).used, { timeout: 10_000 }).toBe(CHAT);
});

test("making and changing an agent counts, and is refused where too little is left", async () => {
  const agent = await begin();
  const id = await budget({ scope: "tenant", limit: 1.2 });
  const balance = await host.balance();
  const made = await host.call("POST", "/v2/agents", { name: "B", model_name: "m-1" });
  expect(made.status).toBe(201);
  expect((await seen(id)).used).toBe(1);
  const refused = await host.call("PATCH", `/v2/agents/${agent}`, { name: "C" });
  expect(refused.status, JSON.stringify(refused.body)).toBe(402);
  expect(refused.body).toMatchObject({
    code: "BUDGET_EXHAUSTED",
    limit: { budget: id, scope: "tenant", limit: 1.2, left: 0.2, needed: 0.5 },
  });
  expect((await host.call("GET", `/v2/agents/${agent}`)).body.name).toBe("A");
  expect(await host.balance()).toBe(balance - 1_000_000);
});

test("one conversation may be limited, and what cannot be kept is refused", async () => {
  const agent = await begin();
  const { conversation_key } = (await run(agent)).body;
  const id = await budget({ scope: "conversation", subject: conversation_key, limit: CHAT });
  expect((await run(agent, { conversation_key })).status).toBe(200);
  expect(await seen(id)).toMatchObject({ used: CHAT, left: 0 });
  expect((await run(agent, { conversation_key })).status).toBe(402);
  expect((await run(agent)).status).toBe(200);

  const charge = { counts: "charge", limit: 1 };
  for (const [of, pointer] of [
    [{ scope: "tenant", on_exhausted: "pause" }, "/on_exhausted"],
    [{ scope: "conversation", subject: "each" }, "/subject"],
    [{ scope: "run", subject: "each" }, "/subject"],
  ] as const) {
    const { status, body } = await host.call("POST", path, { ...charge, ...of });
    expect([status, body.pointer]).toEqual([400, pointer]);
  }
  const paused = await host.call("PATCH", `${path}/${id}`, { on_exhausted: "pause" });
  expect(paused.status).toBe(400);
});
