// Usage through the front door: what two keys did with two agents, by day, agent, model, key and service, as
// JSON and as CSV, and the ledger that it is the sum of.

import { parse } from "csv-parse/sync";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createPrices, operationPricesMicros } from "../../../actors/money/catalogue.ts";
import { freshLedgerTable } from "../../../actors/records/conversation.ts";
import { type HttpHost, startHttpHost } from "../../support/http-host.ts";
import type { Json } from "../../support/wire-client.ts";

let host: HttpHost;
let owner: { readonly key: string };
const agents: Json[] = [];
const today = (): string => new Date().toISOString().slice(0, 10);

const usage = async (query: string): Promise<Json> =>
  (await host.call("GET", `/admin/usage?${query}`, undefined, owner)).body;
const grouped = async (by: string, label = by): Promise<Json> =>
  Object.fromEntries(
    (await usage(`group_by=${by}`)).data.map((one: Json) => [String(one[label]), one]),
  );

/** An export as a client that knows nothing of the server reads it. */
async function csv(path: string, headers: Record<string, string> = {}) {
  const answer = await fetch(host.url + path, { headers: { "X-API-Key": owner.key, ...headers } });
  const [head = [], ...lines] = parse(await answer.text()) as string[][];
  const [type, name] = ["content-type", "content-disposition"].map((one) =>
    answer.headers.get(one),
  );
  return { head, lines, type, name };
}

beforeAll(async () => {
  const prices = createPrices({
    ...{ unit: "USD", operations: operationPricesMicros, hasProviders: true },
    models: { "model-a": { inputMicros: 2_000_000, outputMicros: 10_000_000 } },
    defaultModel: "model-b",
  });
  host = await startHttpHost({ prices });
  owner = { key: await host.makeKey(["*"], undefined, "owner") };
  await host.setBalance(100);
  for (const model_name of ["model-a", "=cmd|' /C calc'!A0"]) {
    const made = await host.call("POST", "/v2/agents", { name: "A", model_name }, owner);
    agents.push(made.body);
  }
  const say = (agent: Json, key: string) => {
    const body = { agent_key: agent.agent_key, message: "How do I export?" };
    return host.call("POST", "/v1/proxy/core-agent-chat", body, { key });
  };
  const other = await host.makeKey(["*"]);
  await say(agents[0], owner.key);
  await say(agents[0], other);
  await say(agents[1], other);
});
afterAll(() => host.stop());

test("usage by agent, model, key, service and day each adds up to the whole", async () => {
  const [byAgent, byModel, byKey, byService, byDay] = await Promise.all([
    grouped("agent"),
    grouped("model"),
    grouped("key"),
    grouped("service"),
    grouped("day"),
  ]);

  const { total } = await usage("");
  // Two agents were made, three messages answered, each with 10 tokens read and 5 written.
  expect(total).toMatchObject({ calls: 5, failed: 0, prompt_tokens: 30, completion_tokens: 15 });
  expect(total).toMatchObject({ charged: 2.003, spend: 0.00014, total_tokens: 45 });
  expect(byAgent[agents[0].agent_key]).toMatchObject({
    calls: 3,
    prompt_tokens: 20,
    charged: 1.002,
  });
  expect(byModel["model-a"]).toMatchObject({ calls: 2, prompt_tokens: 20, spend: 0.00014 });
  expect(byModel["null"]).toMatchObject({ calls: 2, charged: 2, prompt_tokens: 0 });
  expect(
    Object.values<Json>(byKey)
      .map(({ calls }) => calls)
      .sort(),
  ).toEqual([2, 3]);
  expect(byService["core-agent-chat"]).toMatchObject({ calls: 3, charged: 0.003 });
  expect(byDay).toEqual({ [today()]: { day: today(), ...total } });
  for (const groups of [byAgent, byModel, byKey, byService]) {
    const charged = Object.values<Json>(groups).reduce((sum, one) => sum + one.charged * 1e6, 0);
    expect(Math.round(charged)).toBe(2_003_000);
  }
});

test("a day ends at midnight UTC, and a month is the sum of its days", async () => {
  const tenant = host.otherTenant;
  const row = (id: string, at: string) => ({
    ...({ type: "put", table: freshLedgerTable, id } as const),
    value: {
      ...{ id, at, service: "chat", run_id: null, key_id: null, agent_id: "ag_1", spend: null },
      ...{ charge: { units: 1, unitPriceMicros: 1_000, micros: 1_000 }, outcome: "completed" },
    },
  });
  await host.system.tables.write(tenant, [
    row("le_1", "2026-01-31T23:59:59.999Z"),
    row("le_2", "2026-02-01T00:00:00.000Z"),
    row("le_3", "2026-02-28T12:00:00.000Z"),
  ]);
  const asked = async (query: string): Promise<Json> => {
    const path = `/admin/usage?tenant=${tenant}&group_by=agent&${query}`;
    const { data } = (await host.call("GET", path, undefined, { key: host.adminKey })).body;
    return data.map(({ day, month, charged }: Json) => [day ?? month ?? "all", charged]);
  };

  expect(await asked("granularity=day")).toEqual([
    ["2026-01-31", 0.001],
    ["2026-02-01", 0.001],
    ["2026-02-28", 0.001],
  ]);
  expect(await asked("granularity=month")).toEqual([
    ["2026-01", 0.001],
    ["2026-02", 0.002],
  ]);
  expect(await asked("granularity=month&from=2026-01-31&to=2026-02-28")).toEqual([
    ["2026-01", 0.001],
    ["2026-02", 0.001],
  ]);
  expect(await asked("from=2026-02-01T00:00:00Z&to=2026-02-28T00:00:00Z")).toEqual([
    ["all", 0.001],
  ]);
  expect(await asked("to=2026-02-01")).toEqual([["all", 0.001]]);
});

test("as CSV all groups come, and no name is a formula", async () => {
  const { head, lines, type, name } = await csv("/admin/usage?group_by=model&format=csv");
  const byHeader = await csv("/admin/usage?group_by=day", { Accept: "text/csv" });

  expect(type).toContain("text/csv");
  expect(name).toBe(`attachment; filename="usage-${host.tenant}.csv"`);
  expect(head.slice(0, 3)).toEqual(["model", "calls", "failed"]);
  expect(lines.map(([model]) => model)).toContain("'=cmd|' /C calc'!A0");
  expect(lines.filter(([model = ""]) => /^[=+@-]/.test(model))).toEqual([]);
  expect(byHeader.lines[0]?.slice(0, 6)).toEqual([today(), "5", "0", "30", "15", "45"]);
});

test("the ledger is paged through, newest first, with what each model took, and exported whole", async () => {
  const first = await host.call("GET", "/admin/ledger?limit=2", undefined, owner);
  const path = `/admin/ledger?limit=2&cursor=${first.body.next_cursor}`;
  const second = await host.call("GET", path, undefined, owner);
  const chats = await host.call("GET", "/admin/ledger?service=core-agent-chat", undefined, owner);
  const exported = await csv("/admin/ledger?format=csv");

  const ids = [...first.body.data, ...second.body.data].map(({ id }: Json) => id);
  expect(new Set(ids).size).toBe(4);
  expect([...ids].sort().reverse()).toEqual(ids);
  expect(chats.body.data).toHaveLength(3);
  expect(chats.body.data[2]).toMatchObject({
    ...{ agent_id: agents[0].agent_key, charged: 0.001, outcome: "completed", spend: 0.00007 },
    models: [{ model: "model-a", prompt_tokens: 10, completion_tokens: 5, spend: 0.00007 }],
  });
  expect(exported.lines.map(([id]) => id).slice(0, 4)).toEqual(ids);
  expect(exported.lines).toHaveLength(5);
  expect(exported.lines[0]).toHaveLength(exported.head.length);
});

test("what is no grouping, no granularity and no format is refused by its name", async () => {
  const wrong = async (query: string): Promise<Json> => {
    const answer = await host.call("GET", `/admin/usage?${query}`, undefined, owner);
    return [answer.status, answer.body.parameter ?? answer.body.details?.parameter];
  };

  expect(await wrong("group_by=moon")).toEqual([400, "group_by"]);
  expect(await wrong("granularity=hour")).toEqual([400, "granularity"]);
  expect(await wrong("format=xml")).toEqual([400, "format"]);
});
