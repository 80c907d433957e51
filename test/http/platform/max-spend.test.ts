// `max_spend`: a run that is begun with a limit of its own, on every surface on which one is begun.

import { afterEach, expect, test } from "vitest";
import { createPrices, operationPricesMicros } from "../../../actors/money/catalogue.ts";
import { budgetTables } from "../../../actors/records/budget.ts";
import { type HttpHost, startHttpHost } from "../../support/http-host.ts";
import { createGate } from "../../support/scripted-llm.ts";
import { request } from "../../support/wire-client.ts";

/** The scripted model counts 10 and 5 tokens. */
const price = { inputMicros: 1_000_000, outputMicros: 2_000_000 };
const CALL = 20 / 1_000_000;
const prices = createPrices({
  ...{ unit: "credits", operations: operationPricesMicros, models: { "m-1": price } },
  ...{ defaultModel: "m-1", hasProviders: true },
});
const messages = [{ role: "user", content: "Hi" }];
let host: HttpHost;

afterEach(() => host.stop());

async function begin(more: object = {}): Promise<string> {
  host = await startHttpHost({ prices });
  await host.setBalance(100);
  host.llm.script = () => "Hello.";
  const { body } = await host.call("POST", "/v2/agents", { name: "A", model_name: "m-1", ...more });
  return body.id;
}

const limitsLeft = async (): Promise<number> =>
  (await host.system.tables.list(host.tenant, budgetTables.runLimits, { limit: 10 })).length;

test("a run stays within what it may spend, says so, and leaves nothing of its limit", async () => {
  const agent = await begin({ max_tokens: 4_000 });
  const path = `/v2/agents/${agent}/runs`;
  const done = await host.call("POST", path, { input: "Hi", max_spend: 0.004 });
  expect(done.status, JSON.stringify(done.body)).toBe(200);
  expect(done.body.usage).toMatchObject({ total_tokens: 15, spend: CALL });
  // Without a limit the agent's 4,000 are asked for, with it what can be paid.
  const { maxTokens = 0 } = host.llm.requests.at(-1) ?? {};
  expect(maxTokens).toBeGreaterThan(1_000);
  expect(maxTokens).toBeLessThan(2_000);

  const balance = await host.balance();
  const asked = host.llm.requests.length;
  const refused = await host.call("POST", path, { input: "Hi", max_spend: 0.0001 });
  expect(refused.status).toBe(402);
  expect(refused.body).toMatchObject({
    code: "BUDGET_EXHAUSTED",
    limit: { budget: "max_spend", scope: "run", limit: 0.0001, left: 0.0001 },
  });
  expect(host.llm.requests.length).toBe(asked);
  expect(await host.balance()).toBe(balance);
  expect(await limitsLeft()).toBe(0);

  const conversation = `/v2/conversations/${done.body.conversation_key}/messages`;
  const said = (await host.call("GET", conversation)).body.data;
  expect(said.at(-1).usage).toMatchObject({ spend: CALL });
});

test("each surface on which a run is begun takes a limit", async () => {
  const agent = await begin();
  const asked = host.llm.requests.length;
  const model = `agent:${agent}`;
  const header = { headers: { "x-max-spend": "0" } };
  const chat = { agent_key: agent, message: "Hi", max_spend: 0 };
  const answers = [
    await host.call("POST", `/v2/agents/${agent}/runs`, { input: "Hi", max_spend: 0 }),
    await host.call("POST", "/v1/proxy/core-agent-chat", chat),
    await host.call("POST", "/v1/chat/completions", { model, messages }, header),
    await host.call("POST", "/v1/responses", { model, input: "Hi" }, header),
    await host.call("POST", "/v1/messages", { model, messages, max_tokens: 50 }, header),
  ];
  for (const { status, body } of answers) {
    expect(JSON.stringify(body)).toMatch(/budget of run rn_\w+ is used up: 0 may be spent/);
    expect(status, JSON.stringify(body)).toBe(402);
  }
  expect(host.llm.requests.length).toBe(asked);
  expect(await limitsLeft()).toBe(0);
  const free = await host.call("POST", "/v1/chat/completions", { model, messages });
  expect(free.status).toBe(200);
});

test("protocols of others take it where an application has a place in them, else by the header", async () => {
  const agent = await begin();
  const asked = host.llm.requests.length;
  const header = { headers: { "x-max-spend": "0", accept: "application/json, text/event-stream" } };
  const say = { messageId: "m1", role: "ROLE_USER", parts: [{ text: "Hi" }] };
  const chat = {
    id: "c1",
    messages: [{ id: "m1", role: "user", parts: [{ type: "text", text: "Hi" }] }],
  };
  const agUi = {
    threadId: "t1",
    runId: "r1",
    messages: [{ id: "m1", role: "user", content: "Hi" }],
  };
  const rpc = (method: string, params: object) => ({ jsonrpc: "2.0", id: 1, method, params });
  const tools = await host.call("POST", "/mcp", rpc("tools/list", {}), header);
  const call = { name: tools.body.result.tools[0].name, arguments: { message: "Hi" } };
  const a2a = { headers: { ...header.headers, "A2A-Version": "1.0" } };
  const sent = [
    ["POST", `/v2/agents/${agent}/ag-ui`, { ...agUi, forwardedProps: { max_spend: 0 } }],
    ["POST", `/v2/agents/${agent}/ui-chat`, { ...chat, max_spend: 0 }],
    ["POST", `/a2a/${agent}`, rpc("SendMessage", { message: say }), a2a],
    ["POST", `/a2a/${agent}/message:send`, { message: { ...say, messageId: "m2" } }, a2a],
    ["POST", `/a2a/${agent}/message:stream`, { message: { ...say, messageId: "m3" } }, a2a],
    ["POST", "/mcp", rpc("tools/call", call), header],
  ] as const;
  for (const [method, path, body, more] of sent) {
    const headers = more?.headers ?? {};
    const answer = await request(host.url + path, { method, body, key: host.key, headers });
    expect(await answer.text(), path).toMatch(/budget of run rn_\w+ is used up: 0 may be spent/);
  }
  expect(host.llm.requests.length).toBe(asked);
  expect(await limitsLeft()).toBe(0);

  const wrong = { ...agUi, runId: "r2", forwardedProps: { max_spend: "1" } };
  const refused = await host.call("POST", `/v2/agents/${agent}/ag-ui`, wrong);
  expect([refused.status, refused.body.pointer]).toEqual([400, "/forwardedProps/max_spend"]);
});

test("runs below a run spend what it may", async () => {
  const agent = await begin();
  const action = { persona: {}, goal: { primary: "inform" }, response_style: {} };
  const trigger = { keywords: ["invoice"], description: "Invoices." };
  const sub = { name: "Billing", trigger, action, model_name: "m-1" };
  const made = await host.call("POST", `/v2/agents/${agent}/sub-agents`, sub);
  expect(made.status, JSON.stringify(made.body)).toBe(201);
  const ask = { input: "Where is my invoice?" };
  const path = `/v2/agents/${agent}/runs`;
  const done = await host.call("POST", path, { ...ask, max_spend: 1 });
  expect(done.body.routing_info).toMatchObject({ action_name: "Billing" });
  const asked = host.llm.requests.length;
  expect((await host.call("POST", path, { ...ask, max_spend: 0.0001 })).status).toBe(402);
  expect(host.llm.requests.length).toBe(asked);
});

test("what is no amount is refused, and so is a limit for a message that joins another run", async () => {
  const agent = await begin();
  const path = `/v2/agents/${agent}/runs`;
  const negative = await host.call("POST", path, { input: "Hi", max_spend: -1 });
  expect(negative.status).toBe(400);
  expect(negative.body.pointer).toBe("/max_spend");
  const body = { model: `agent:${agent}`, messages };
  for (const value of ["-1", "ten", "1e3", "99999999999"]) {
    const headers = { "x-max-spend": value };
    const { status } = await host.call("POST", "/v1/chat/completions", body, { headers });
    expect(status, value).toBe(400);
  }
  const gate = createGate();
  host.llm.script = async ({ signal }) => {
    await gate.wait(signal);
    return "Hello.";
  };
  const first = await host.call("POST", path, { input: "Hi", mode: "background" });
  await gate.reached;
  const more = { input: "And", on_busy: "merge", mode: "background", max_spend: 1 };
  const conversation = { conversation_key: first.body.conversation_key };
  const joined = await host.call("POST", path, { ...more, ...conversation });
  expect(joined.status).toBe(400);
  const waiting = await host.call("POST", path, { ...more, ...conversation, on_busy: "enqueue" });
  expect(waiting.status, JSON.stringify(waiting.body)).toBe(202);
  expect(await limitsLeft()).toBe(1);
  gate.open();
  await expect.poll(limitsLeft, { timeout: 10_000 }).toBe(0);
});
