// What an administrator does through the real door leaves a row in the audit: who, from where, and what
// it was before, in the transaction of the change.

import { afterAll, beforeAll, expect, test } from "vitest";
import { auditTable } from "../../../actors/records/audit.ts";
import type { AuditLine } from "../../../adapters/audit/export-lines.ts";
import { verifyAudit } from "../../../adapters/audit/verify.ts";
import { type HttpHost, startHttpHost } from "../../support/http-host.ts";
import type { Json } from "../../support/wire-client.ts";

let host: HttpHost;

beforeAll(async () => {
  host = await startHttpHost();
});
afterAll(() => host.stop());

/** Rows of a tenant as they lie, newest first. */
async function rows(tenant = host.tenant): Promise<readonly Json[]> {
  const found = await host.system.tables.list(tenant, auditTable, { limit: 200, reverse: true });
  return found.map(({ value }) => value as Json);
}

test("a change of an agent tells who changed it, from where, and the fields that differ", async () => {
  const made = await host.call("POST", "/v2/agents", { name: "Desk", description: "Helps." });
  const id = made.body.id;
  const answer = await host.call("PATCH", `/v2/agents/${id}`, { description: "Helps more." });

  const [update, create] = await rows();

  const keyId = (await host.system.tables.list("tn_system", "api-keys", { limit: 10 }))
    .map(({ value }) => value as Json)
    .find(({ tenant }) => tenant === host.tenant)?.id;
  expect(answer.status).toBe(200);
  expect(update).toMatchObject({
    ...{ action: "agent.update", subject: id, outcome: "done", by: keyId, role: "owner" },
    ...{ channel: "api", request_id: answer.headers.get("x-request-id") },
  });
  expect(update?.from).toMatch(/127\.0\.0\.1/);
  expect(update?.before).toEqual({ description: "Helps." });
  expect(update?.after).toEqual({ description: "Helps more." });
  expect(create).toMatchObject({ action: "agent.create", subject: id, before: null });
  expect(create?.after).toMatchObject({ name: "Desk" });
});

test("what is refused leaves neither the change nor its row", async () => {
  const made = await host.call("POST", "/v2/prompts", { name: "Hello", template: "Hi." });
  const before = await rows();

  const answer = await host.call(
    "PATCH",
    `/v2/prompts/${made.body.id}`,
    { template: "Ho." },
    { headers: { "If-Match": '"7"' } },
  );

  expect(answer.status).toBe(412);
  expect(await rows()).toEqual(before);
});

test("secrets of a tool are not told, only that they changed", async () => {
  const config = {
    url: "https://example.com/x",
    method: "GET",
    headers: { "X-Key": "planted-secret-of-a-header" },
  };
  const tool = { name: "Fetch", type: "http_request", description: "Fetches.", config };
  const made = await host.call("POST", "/v2/tools", tool);
  expect(made.status, JSON.stringify(made.body)).toBe(201);

  const [row] = await rows();

  expect(row).toMatchObject({ action: "tool.create", subject: made.body.id });
  expect(JSON.stringify(row)).not.toContain("planted-secret");
  expect(JSON.stringify(row)).toContain("X-Key");
});

test("an owner's keys are told in its own tenant, the operator's in the system's", async () => {
  const own = await host.call("POST", "/admin/keys", { name: "mine" });
  const theirs = await host.call(
    "POST",
    "/admin/keys",
    { name: "theirs", tenant: host.tenant },
    { key: host.adminKey },
  );
  await host.call("DELETE", `/admin/keys/${own.body.id}`);

  const [revoked, created] = await rows();
  const [system] = await rows("tn_system");

  expect(created).toMatchObject({ action: "key.create", subject: own.body.id });
  expect(revoked).toMatchObject({ action: "key.revoke", subject: own.body.id });
  expect(revoked?.before).toEqual({ revoked_at: null });
  expect(system).toMatchObject({
    ...{ action: "key.create", subject: theirs.body.id, by: "operator" },
    details: { tenant: host.tenant },
  });
  expect(JSON.stringify([created, system])).not.toMatch(/[0-9a-f]{64}/);
});

test("what an actor does is told before it is asked to, and its end after", async () => {
  const answer = await host.call("DELETE", "/v2/conversations/cv_none");

  const [row] = await rows();

  expect(answer.status).toBe(404);
  expect(row).toMatchObject({
    ...{ action: "conversation.delete", subject: "cv_none", outcome: "failed" },
    details: { code: "NOT_FOUND" },
  });
});

test("an act is found by its action, its kind, its subject and its outcome, through pages", async () => {
  const made = await host.call("POST", "/v2/workflows", {
    name: "Flow",
    graph: { nodes: [{ id: "a", type: "end" }], edges: [] },
  });
  const names = ["A", "B", "C", "D"];
  for (const name of names) await host.call("POST", "/v2/prompts", { name, template: "Hi." });
  const list = async (query: string): Promise<Json> =>
    (await host.call("GET", `/admin/audit?${query}`)).body;
  const actions = async (query: string) =>
    (await list(query)).data.map(({ action }: Json) => action);

  const first = await list("action=prompt.&limit=3");
  const second = await list(`action=prompt.&limit=3&cursor=${first.next_cursor}`);

  expect(made.status).toBeLessThan(500);
  expect([...first.data, ...second.data].map(({ after }: Json) => after.name)).toEqual([
    ...[...names].reverse(),
    "Hello",
  ]);
  expect(new Set(await actions("action=key."))).toEqual(new Set(["key.create", "key.revoke"]));
  expect(await actions("outcome=failed")).toEqual(["conversation.delete"]);
  expect(await actions("subject=cv_none")).toEqual(["conversation.delete"]);
  expect((await list("action=prompt.create&limit=1")).data[0]).toMatchObject({ chained: true });
});

test("an export is the whole chain for who verifies it, and what was asked for as CSV", async () => {
  const jsonl = await fetch(`${host.url}/admin/audit/export`, {
    headers: { "X-API-Key": host.key },
  });
  const lines = (await jsonl.text())
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as AuditLine);
  const csv = await fetch(`${host.url}/admin/audit/export?format=csv&action=conversation.delete`, {
    headers: { "X-API-Key": host.key },
  });
  const narrowed = await host.call("GET", "/admin/audit/export?action=agent.");
  const here = await host.call("GET", "/admin/audit/verify");
  const others = await host.call("GET", "/admin/audit/export?tenant=tn_system");

  const verdict = await verifyAudit(each(lines));
  const rows = (await csv.text()).trim().split("\r\n");
  expect(verdict).toMatchObject({ tenant: host.tenant, fault: null, fresh: 0 });
  expect(verdict.entries).toBe(lines.length - 2);
  expect(rows).toHaveLength(2);
  expect(rows[1]).toMatch(/conversation\.delete,ak_\w+,,owner,cv_none,/);
  expect(here.body).toMatchObject({ head: verdict.head, signed: verdict.entries, fault: null });
  expect(narrowed.body).toMatchObject({ parameter: "action" });
  expect([narrowed.status, others.status]).toEqual([400, 404]);
});

async function* each(lines: readonly AuditLine[]): AsyncIterable<AuditLine> {
  yield* lines;
}
