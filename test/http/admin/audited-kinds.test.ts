// One of each kind that the audit is for, done through the door: administrative acts, approvals, credentials,
// calls of tools, and what each policy refuses. Each has its row: who, what, when, from where, and what it was.

import { afterAll, beforeAll, expect, test } from "vitest";
import { type AuditRow, auditTable } from "../../../actors/records/audit.ts";
import { auditActions } from "../../../adapters/audit/actions.ts";
import { actDetails, routeActions } from "../../../adapters/http/audit-page.ts";
import { type HttpHost, startHttpHost } from "../../support/http-host.ts";
import type { Json } from "../../support/wire-client.ts";

const WITHIN = { timeout: 20_000, interval: 10 };
let host: HttpHost;
let agent = "";
let narrow = "";
let viewer = "";

beforeAll(async () => {
  host = await startHttpHost();
  await host.setBalance(10_000);
  await host.setBalance(10_000, host.otherTenant);
  narrow = await host.makeKey(["runs"]);
  viewer = await host.makeKey(["*"], host.tenant, "viewer");
  agent = await made("/v2/agents", { name: "Desk", model_name: "m-1" });
});
afterAll(() => host.stop());

async function made(path: string, fields: object, key = host.key): Promise<string> {
  const { status, body } = await host.call("POST", path, fields, { key });
  expect([body.detail, status]).toEqual([undefined, 201]);
  return String(body.id);
}
const run = (id: string, more: object = {}, key = host.key) =>
  host.call("POST", `/v2/agents/${id}/runs`, { input: "Hello", ...more }, { key });
const operator = () => ({ key: host.adminKey });

async function rowsOf(tenant: string): Promise<readonly AuditRow[]> {
  const rows = await host.system.tables.list(tenant, auditTable, { limit: 200, reverse: true });
  return rows.map(({ value }) => value as AuditRow);
}

/** An agent whose model calls this tool first. */
async function callingOf(tool: object, name: string): Promise<string> {
  const id = await made("/v2/agents", { name: "Caller", model_name: "m-tool", tools: [tool] });
  let isFirst = true;
  host.llm.script = ({ request }) => {
    if (request.model !== "m-tool" || !isFirst) return "ok";
    isFirst = false;
    return { calls: [{ name, arguments: {} }] };
  };
  return id;
}

interface Case {
  readonly is: string;
  readonly action: string;
  /** Does it. @returns the subject, where that is known. */
  act(): Promise<string | null>;
  readonly row: object;
  /** Default: a request of a key of the tenant. */
  readonly by?: RegExp;
  readonly in?: "system" | "other";
}

const refused = (code: string): object => ({ outcome: "refused", details: { code } });
const cases: readonly Case[] = [
  {
    ...{ is: "an administrative act", action: "agent.update" },
    act: async () => {
      await host.call("PATCH", `/v2/agents/${agent}`, { description: "Helps." });
      return agent;
    },
    row: { before: { description: null }, after: { description: "Helps." } },
  },
  {
    ...{ is: "a budget that is raised", action: "budget.raise" },
    act: async () => {
      const id = await made("/admin/budgets", { scope: "agent", subject: agent, limit: 5 });
      await host.call("PATCH", `/admin/budgets/${id}`, { limit: 6 });
      return id;
    },
    row: { before: { limit: 5 }, after: { limit: 6 } },
  },
  {
    ...{ is: "a token that is kept", action: "token.create" },
    act: async () => {
      const config = { type: "api_key", allowed_hosts: ["things.example"] };
      const set = await host.call("PUT", "/v2/integrations/things", config);
      expect([set.body.detail, set.status < 300]).toEqual([undefined, true]);
      return await made("/v2/tokens", { integration: "things", secret: "planted-secret" });
    },
    row: { details: { integration: "things", status: "active" } },
  },
  {
    ...{ is: "an approval", action: "approval.approve" },
    act: async () => {
      const check = { type: "words", words: ["owl"] };
      const guardrails = [{ on: ["input"], check, action: "ask" }];
      const id = await made("/v2/agents", { name: "Asking", model_name: "m-1", guardrails });
      await run(id, { input: "An owl.", mode: "background" });
      const list = () => host.call("GET", "/v2/approvals?status=pending");
      await expect.poll(async () => (await list()).body.data.length, WITHIN).toBe(1);
      const [{ id: waiting }] = (await list()).body.data;
      await host.call("POST", `/v2/approvals/${waiting}/decide`, { decision: "approve" });
      return waiting;
    },
    row: { details: { status: "approved", edited: false } },
  },
  {
    ...{ is: "a call of a tool that the egress guard refuses", action: "tool.call", by: /^run$/ },
    act: async () => {
      const config = { url: "http://127.0.0.1:9/", method: "GET" };
      const fields = { name: "inward", type: "http_request", description: "Asks.", config };
      const tool = await made("/v2/tools", fields);
      expect((await run(await callingOf({ tool }, "inward"))).status).toBe(200);
      return "inward";
    },
    row: { outcome: "failed", details: { code: "EGRESS_REFUSED" } },
  },
  {
    ...{ is: "a wrong key", action: "request.refuse", in: "system", by: /^none$/ },
    act: async () => {
      await host.call("GET", "/v2/agents", undefined, { key: "troupe_wrong" });
      return null;
    },
    row: refused("UNAUTHENTICATED"),
  },
  {
    ...{ is: "a service that the key has not", action: "request.refuse" },
    act: async () => {
      await host.call("GET", "/v2/agents", undefined, { key: narrow });
      return "agents";
    },
    row: refused("FORBIDDEN"),
  },
  {
    ...{ is: "what the role may not", action: "request.refuse" },
    act: async () => {
      await host.call("POST", "/v2/prompts", { name: "P", template: "Hi" }, { key: viewer });
      return "prompts";
    },
    row: refused("FORBIDDEN"),
  },
  {
    ...{ is: "a message that a guardrail blocks", action: "guardrail.block" },
    act: async () => {
      const check = { type: "words", words: ["falcon"] };
      const guardrails = [{ name: "birds", on: ["input"], check, action: "block" }];
      const id = await made("/v2/agents", { name: "Guarded", model_name: "m-1", guardrails });
      expect((await run(id, { input: "A falcon." })).status).toBe(400);
      return id;
    },
    row: { outcome: "refused", details: { rule: "birds", check: "words", on: "input" } },
  },
  {
    ...{ is: "a call that a budget does not hold", action: "budget.refuse" },
    act: async () => {
      const id = await made("/v2/agents", { name: "Poor", model_name: "m-1" });
      const limit = { scope: "agent", subject: id, limit: 0.000001, counts: "charge" };
      const budget = await made("/admin/budgets", limit);
      expect((await run(id)).status).toBe(402);
      return budget;
    },
    row: refused("BUDGET_EXHAUSTED"),
  },
  {
    ...{ is: "more than the tenant may have", action: "request.refuse", in: "other" },
    act: async () => {
      const path = `/admin/tenants/${host.otherTenant}`;
      const set = await host.call("PATCH", path, { limits: { agents: 1 } }, operator());
      expect(set.status).toBe(200);
      await made("/v2/agents", { name: "One" }, host.otherKey);
      const more = await host.call("POST", "/v2/agents", { name: "Two" }, { key: host.otherKey });
      expect(more.status).toBe(409);
      return "agents";
    },
    row: refused("TENANT_LIMIT"),
  },
  {
    ...{ is: "faster than the tenant may", action: "request.refuse", in: "other" },
    act: async () => {
      const path = `/admin/tenants/${host.otherTenant}`;
      await host.call("PATCH", path, { limits: { requests_per_second: 1 } }, operator());
      const ask = () => host.call("GET", "/v2/prompts", undefined, { key: host.otherKey });
      await expect.poll(async () => (await ask()).status, WITHIN).toBe(429);
      return "prompts";
    },
    row: refused("RATE_LIMITED"),
  },
  {
    ...{ is: "a tenant that is suspended", action: "request.refuse", in: "other" },
    act: async () => {
      await host.call("POST", `/admin/tenants/${host.otherTenant}/suspend`, {}, operator());
      const asked = await host.call("GET", "/v2/teams", undefined, { key: host.otherKey });
      expect(asked.status).toBe(403);
      return "teams";
    },
    row: refused("TENANT_SUSPENDED"),
  },
];

test.each(cases)("$is has its row, $action", async ({ action, act, row, by, in: place }) => {
  const sinceMs = Date.now() - 1;
  const subject = await act();

  const tenants = { system: "tn_system", other: host.otherTenant };
  const tenant = place === undefined ? host.tenant : tenants[place];
  const found = async (): Promise<AuditRow | undefined> => {
    const rows = (await rowsOf(tenant)).filter(({ at }) => Date.parse(at) >= sinceMs);
    return rows.find(
      (one) => one.action === action && (subject === null || one.subject === subject),
    );
  };
  await expect.poll(found, WITHIN).toMatchObject(row);
  const told = (await found()) as AuditRow;
  expect(told.by).toMatch(by ?? /^ak_/);
  expect(Date.parse(told.at)).toBeLessThanOrEqual(Date.now());
  const isOfRun = told.channel !== "api";
  if (isOfRun) expect(told.run_id).toMatch(/^rn_/);
  else if (told.action.startsWith("guardrail.")) expect(told.by).toMatch(/^ak_/);
  else
    expect([told.from, told.request_id]).toEqual([
      expect.stringContaining("127.0.0.1"),
      expect.stringMatching(/^req_/),
    ]);
  expect(JSON.stringify(told)).not.toContain("planted-secret");
});

test("every row that all this has left is in the list of actions, with facts that the list names", async () => {
  const tenants = ["tn_system", host.tenant, host.otherTenant];
  const rows = (await Promise.all(tenants.map(rowsOf))).flat();
  const acts = routeActions();
  const unnamed = rows.flatMap(({ action, details }) => {
    const known: readonly string[] | null = acts.has(action)
      ? actDetails
      : action in auditActions
        ? Object.keys(auditActions[action]?.details ?? {})
        : null;
    if (known === null) return [action];
    return Object.keys(details as Json)
      .filter((name) => !known.includes(name))
      .map((name) => `${action}: ${name}`);
  });

  expect(rows.length).toBeGreaterThan(cases.length);
  expect([...new Set(unnamed)]).toEqual([]);
});
