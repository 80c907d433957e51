// The dry run of the router: what it says, and what it costs when a doubt is settled by the model.

import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
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
  const rows = await host.system.tables.list(host.tenant, "ledger-fresh", { limit: 200 });
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

describe("meant for nobody, by what the examples say", () => {
  const examples = {
    Loans: ["how long may i keep a book", "renew what i have borrowed", "extend my loan by a week"],
    Rooms: ["book a group room for friday", "which rooms have a screen", "cancel the study room"],
    Fines: ["why do i owe five euros", "pay what i owe", "dispute a fee"],
  };
  const stranger = "please explain how hedgehogs hibernate underground";

  async function library(
    fallback: string | null,
  ): Promise<{ agent: string; keys: Map<string, string> }> {
    const { body } = await host.call("POST", "/v2/agents", { name: "Library" });
    const agent = `/v2/agents/${body.id}`;
    const keys = new Map<string, string>();
    for (const [name, texts] of Object.entries(examples)) {
      const made = await host.call("POST", `${agent}/sub-agents`, {
        name,
        trigger: { examples: texts },
      });
      keys.set(name, made.body.id);
    }
    if (fallback !== null) {
      const agent_config = { fallback: keys.get(fallback) };
      const { status } = await host.call("PATCH", agent, { agent_config });
      expect(status).toBe(200);
    }
    return { agent, keys };
  }
  const turn = async (agent: string, message: string, more: object = {}) => {
    const agent_key = agent.split("/").at(-1);
    const chat = { agent_key, message, ...more };
    return (await host.call("POST", "/v1/proxy/core-agent-chat", chat)).body.data;
  };

  test("goes to the fallback agent when one is named, to the supervisor else; the dry run agrees", async () => {
    const named = await library("Rooms");
    const open = await library(null);

    for (const [{ agent }, expected] of [
      [named, named.keys.get("Rooms")],
      [open, null],
    ] as const) {
      const dry = await host.call("POST", `${agent}/route`, { message: stranger });
      const answered = await turn(agent, stranger);
      expect(dry.body.in_scope).toBeLessThan(0.5);
      expect(dry.body.routing_info).toMatchObject({
        sub_agent_key: expected,
        intent: "out_of_scope",
      });
      expect(dry.body.routing_info.reason).toContain(String(dry.body.in_scope));
      expect(answered.routing_info).toMatchObject({
        sub_agent_key: expected,
        intent: "out_of_scope",
      });
    }
  });

  test("short follow-ups stay with who answered before; a stranger in between does not", async () => {
    const { agent, keys } = await library("Rooms");
    const { conversation_key, routing_info } = await turn(agent, "why do i owe five euros");
    const after = await turn(agent, "and for last month?", { conversation_key });
    const stray = await turn(agent, stranger, { conversation_key });

    expect(routing_info.sub_agent_key).toBe(keys.get("Fines"));
    expect(after.routing_info.sub_agent_key).toBe(keys.get("Fines"));
    expect(stray.routing_info.sub_agent_key).toBe(keys.get("Rooms"));
  });
});
