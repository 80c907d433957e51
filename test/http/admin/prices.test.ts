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
  const models = { "gpt-5": { inputMicros: 1_250_000, outputMicros: 10_000_000 } };
  const prices = { unit: "USD", operations, models, defaultModel: "gpt-5-mini" };
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

  expect(owner.body).toMatchObject({
    unit: "USD",
    models: [{ model: "gpt-5", input: 1.25, cached_input: 1.25, output: 10 }],
    default_model: { input: 1.25, output: 10 },
  });
  expect(owner.body.operations).toContainEqual({ operation: "chat", per: "call", price: 0.012345 });
  expect(owner.body.operations).toHaveLength(Object.keys(operations).length);
  expect(member.status).toBe(403);
});
