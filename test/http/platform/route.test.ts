// The dry run of the router: what it says, and what it costs when a doubt is settled by the model.

import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { RuntimeError } from "../../../runtime/errors.ts";
import { type HttpHost, startHttpHost } from "../../support/http-host.ts";

let host: HttpHost;
let path = "";
let refunds = "";
const doubtful = "my grandmother plays the accordion";

async function desk(model: string | undefined): Promise<string> {
  const model_name = model === undefined ? {} : { model_name: model };
  const { body } = await host.call("POST", "/v2/agents", { name: "Desk", ...model_name });
  const sub = async (name: string, keyword: string): Promise<string> =>
    (
      await host.call("POST", `/v2/agents/${body.id}/sub-agents`, {
        name,
        trigger: { keywords: [keyword], description: `Everything about a ${keyword}.` },
      })
    ).body.id;
  await sub("Docs", "export");
  refunds = await sub("Money", "refund");
  return `/v2/agents/${body.id}/route`;
}

beforeAll(async () => {
  host = await startHttpHost();
  path = await desk("m-1");
});
afterAll(() => host.stop());
afterEach(() => {
  host.llm.script = () => "{}";
});

const ask = (message: string, more: object = {}) => host.call("POST", path, { message, ...more });

test("says the stage, the shares and the words they rest on, and asks nobody", async () => {
  const before = host.llm.requests.length;
  const { body } = await ask("where is the refund?");

  expect(body).toMatchObject({ stage: "keyword", doubt: false, model_call: null });
  expect(body.in_scope).toBeGreaterThan(0.5);
  expect(body.why[0]).toMatchObject({
    sub_agent_key: refunds,
    name: "Money",
    keywords: ["refund"],
  });
  expect(body.why[0].score).toBe(body.routing_info.candidates[0].score);
  expect(body.explanation.join(" ")).toMatch(/of the 0\.5 that is needed.*Money has .*refund/);
  expect(host.llm.requests.length).toBe(before);
});

test("a doubt stays one unless the model may be asked", async () => {
  const { body } = await ask(doubtful);

  expect(body).toMatchObject({ stage: "doubt", doubt: true, model_call: null });
});

test("the model settles a doubt at the price of a turn, and the spend is written down", async () => {
  const [before, asked] = [await host.balance(), host.llm.requests.length];
  host.llm.script = () => '{"choice":2,"intent":"money_back"}';
  const { body } = await ask(doubtful, { use_model: true });

  expect(body).toMatchObject({ stage: "model", doubt: true });
  expect(body.routing_info).toMatchObject({
    ...{ method: "model", sub_agent_key: refunds, intent: "money_back" },
  });
  expect(body.model_call).toMatchObject({ model: "m-1", charged: 0.001 });
  expect(body.model_call.usage.total_tokens).toBeGreaterThan(0);
  expect(host.llm.requests.length).toBe(asked + 1);
  expect(before - (await host.balance())).toBe(1_000);
  const rows = await host.system.tables.list(host.tenant, "ledger", { limit: 200 });
  const own = rows.map(({ value }) => value as { service: string; spend: unknown });
  expect(own.filter(({ service }) => service === "route")).toMatchObject([
    { outcome: "completed", spend: { promptTokens: expect.any(Number) } },
  ]);
});

test("what is clear is not asked and costs nothing", async () => {
  const [before, asked] = [await host.balance(), host.llm.requests.length];
  const { body } = await ask("where is the refund?", { use_model: true });

  expect(body).toMatchObject({ stage: "keyword", model_call: null });
  expect(await host.balance()).toBe(before);
  expect(host.llm.requests.length).toBe(asked);
});

test("a provider that fails is not paid: the guess stands and says why", async () => {
  const before = await host.balance();
  host.llm.script = () => {
    throw new RuntimeError("PROVIDER_FAILED", "down");
  };
  const { body } = await ask(doubtful, { use_model: true });

  expect(body).toMatchObject({ stage: "doubt", model_call: { model: null, charged: 0 } });
  expect(body.routing_info.reason).toContain("the model could not be asked");
  expect(await host.balance()).toBe(before);
});

test("without a balance the model is not asked", async () => {
  const [before, asked] = [await host.balance(), host.llm.requests.length];
  await host.setBalance(0);
  const { status, body } = await ask(doubtful, { use_model: true });
  await host.setBalance(before / 1_000_000);

  expect(status).toBe(402);
  expect(body.code).toBe("BALANCE_EXHAUSTED");
  expect(host.llm.requests.length).toBe(asked);
});

test("a short follow-up stays with who answered the turn before", async () => {
  const agent = path.slice(0, -"/route".length);
  const made = await host.call("POST", `${agent}/runs`, { input: "where is the refund?" });
  const { conversation_key } = made.body;
  const alone = await ask("and for last month?");
  const after = await ask("and for last month?", { conversation_key });

  expect(alone.body.routing_info.sub_agent_key).toBeNull();
  expect(after.body.routing_info.sub_agent_key).toBe(refunds);
});
