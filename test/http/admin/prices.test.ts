// Prices that the operator has changed: what each operation then costs, and what the catalogue shows.

import { afterAll, beforeAll, expect, test } from "vitest";
import { createPrices } from "../../../actors/money/catalogue.ts";
import { type HttpHost, startHttpHost } from "../../support/http-host.ts";

const operations = {
  ...{ createAgent: 2_000_000, updateAgent: 300_000, updateGraph: 70_000 },
  ...{ createSubAgent: 110_000, updateSubAgent: 50_000, chat: 12_345 },
  ...{ memoryExtract: 0, evaluationJudge: 999 },
};
let host: HttpHost;

beforeAll(async () => {
  const price = { inputMicros: 1_250_000, outputMicros: 10_000_000 };
  const models = {
    "gpt-5": price,
    kept: { ...price, cacheWriteMicros: 1, cacheWriteLongMicros: 2 },
  };
  const calls = { rerank: { inputMicros: 0, searchMicros: 2_000 } };
  const prices = { unit: "USD", operations, models, calls, defaultModel: "gpt-5-mini" };
  host = await startHttpHost({ prices: createPrices({ ...prices, hasProviders: true }) });
  await host.setBalance(100);
});
afterAll(() => host.stop());

test("each operation of document 001 costs what the operator says", async () => {
  const paths = "/v1/proxy/core-agent";
  const cost = async (method: string, path: string, body?: unknown) => {
    const answer = await host.call(method, path, body);
    return { ...answer.body.cost, data: answer.body.data };
  };

  const made = await cost("POST", `${paths}-create`, { name: "A" });
  const { agent_key } = made.data;
  const update = await cost("PUT", `${paths}-update/${agent_key}`, { name: "B" });
  const graph = await cost("PUT", `${paths}-graph/${agent_key}`, { entry_node: null });
  const sub = await cost("POST", `${paths}-subagent-create/${agent_key}`, {
    ...{ name: "S", trigger: { keywords: ["s"], description: "s" }, priority: 1 },
  });
  const changed = await cost(
    "PUT",
    `${paths}-subagent-update/${agent_key}/${sub.data.sub_agent_key}`,
    { name: "T" },
  );
  const chat = await cost("POST", `${paths}-chat`, { agent_key, message: "Hello" });

  const prices = [made, update, graph, sub, changed, chat].map((one) => one.tokens);
  expect(prices).toEqual([2, 0.3, 0.07, 0.11, 0.05, 0.012345]);
  expect(chat).toMatchObject({ units: 1, unit_price: 0.012345 });
  expect(await host.balance()).toBe(97_457_655);
});

test("an owner sees the catalogue, a key that only uses the tenant does not", async () => {
  const owner = await host.call("GET", "/admin/prices", undefined, {
    key: await host.makeKey(["*"], undefined, "owner"),
  });
  const member = await host.call("GET", "/admin/prices", undefined, {
    key: await host.makeKey(["*"], undefined, "developer"),
  });

  const byDefault = { cache_write: 1.5625, cache_write_long: 2.5 };
  expect(owner.body).toMatchObject({
    unit: "USD",
    models: [
      { model: "gpt-5", input: 1.25, cached_input: 1.25, output: 10, ...byDefault },
      { model: "kept", cache_write: 0.000001, cache_write_long: 0.000002 },
    ],
    calls: [{ model: "rerank", input: 0, search: 0.002 }],
    default_model: { input: 1.25, output: 10, ...byDefault },
  });
  expect(owner.body.operations).toContainEqual({ operation: "chat", per: "call", price: 0.012345 });
  expect(owner.body.operations).toHaveLength(Object.keys(operations).length);
  expect(member.status).toBe(403);
});

const own = (tenant: string, body: object, key = host.adminKey) =>
  host.call("PUT", `/admin/tenants/${tenant}/prices`, body, { key });

/** What the balance of the tenant goes down by while something is done, in units. */
async function paidFor(work: () => Promise<{ readonly status: number }>): Promise<number> {
  const before = await host.balance();
  expect((await work()).status).toBeLessThan(300);
  return (before - (await host.balance())) / 1_000_000;
}

test("a tenant pays its own prices from when they hold, and the configuration's for what they do not name", async () => {
  await host.setBalance(100);
  const made = await host.call("POST", "/v2/agents", { name: "A" });
  const agent = made.body.id;
  const chat = () => host.call("POST", `/v2/agents/${agent}/runs`, { input: "Hello" });
  const completion = () =>
    host.call("POST", "/v1/chat/completions", {
      ...{ model: `agent:${agent}`, messages: [{ role: "user", content: "Hello" }] },
    });
  const create = () => host.call("POST", "/v2/agents", { name: "B" });
  const update = () => host.call("PATCH", `/v2/agents/${agent}`, { description: "D" });

  const set = await own(host.tenant, { operations: { chat: 0.5, create_agent: 0 } });
  const paid = [];
  for (const work of [chat, completion, create, update]) paid.push(await paidFor(work));
  const shown = await host.call("GET", "/admin/prices");

  expect(set.status, JSON.stringify(set.body)).toBe(200);
  expect(paid).toEqual([0.5, 0.5, 0, 0.3]);
  expect(shown.body.operations).toContainEqual({ operation: "chat", per: "call", price: 0.5 });
  expect(set.body.operations).toContainEqual({
    operation: "update_agent",
    per: "item",
    price: 0.3,
  });
});

test("prices that are set to hold later hold from then on, and not before", async () => {
  await own(host.tenant, { operations: { create_agent: 1 } });
  const from = new Date(Date.now() + 1_000).toISOString();

  const set = await own(host.tenant, { operations: { create_agent: 3 }, from });
  const create = () => host.call("POST", "/v2/agents", { name: "C" });
  const now = await paidFor(create);

  expect(set.body.changes.slice(-2)).toMatchObject([
    { operations: [{ operation: "create_agent", price: 1 }] },
    { from, operations: [{ operation: "create_agent", price: 3 }] },
  ]);
  expect(now).toBe(1);
  await expect.poll(() => paidFor(create), { timeout: 10_000, interval: 200 }).toBe(3);
});

test("prices of a tenant are its operator's to set, begin no earlier than now, and are no other tenant's", async () => {
  const past = new Date(Date.now() - 60_000).toISOString();
  const owner = await host.makeKey(["*"], undefined, "owner");
  await own(host.tenant, { operations: { chat: 7 } });
  const other = await host.call("POST", "/admin/tenants", { name: "B" }, { key: host.adminKey });

  const refused = await Promise.all([
    own(host.tenant, { operations: {} }, owner),
    own(host.tenant, { operations: {}, from: past }),
    own(host.tenant, { operations: { dance: 1 } }),
    own("tn_none", { operations: {} }),
  ]);
  const path = `/admin/tenants/${other.body.id}/prices`;
  const theirs = await host.call("GET", path, undefined, { key: host.adminKey });
  const audit = await host.call("GET", "/admin/audit?action=prices.update&limit=1");
  await own(host.tenant, { operations: {} });

  expect(refused.map(({ status }) => status)).toEqual([403, 400, 400, 404]);
  expect(refused[1]?.body).toMatchObject({ code: "INVALID", pointer: "/from" });
  expect(theirs.body).toMatchObject({ from: null, changes: [] });
  expect(theirs.body.operations).toContainEqual({
    operation: "chat",
    per: "call",
    price: 0.012345,
  });
  expect(audit.body.data[0]).toMatchObject({ subject: host.tenant, after: { chat: 7 } });
});
