// /admin/audit through the real door: what was decided, by whom, and for how long that is kept.

import { afterAll, beforeAll, expect, test } from "vitest";
import { trimAll } from "../../../adapters/audit/keeping.ts";
import { askingWork, deskAt } from "../../support/approval-room.ts";
import { type HttpHost, startHttpHost } from "../../support/http-host.ts";
import type { Json } from "../../support/wire-client.ts";

const path = "/admin/audit";
const DAY_MS = 24 * 3_600_000;
let host: HttpHost;
let admin: { readonly key: string };
let roots = 0;

beforeAll(async () => {
  host = await startHttpHost({ definitions: askingWork([]) });
  admin = { key: host.adminKey };
});
afterAll(() => host.stop());

/** Starts a run that asks, decides about it with a key of this name, and gives the approval. */
async function decided(name: string, decision: object): Promise<Json> {
  roots += 1;
  const desk = deskAt(`cv_${roots}`, host.tenant);
  const job = { calls: [{ key: "pay" }] };
  const run = String(await host.system.ask(desk, { type: "start", job }));
  const of = async (): Promise<readonly Json[]> =>
    (await host.call("GET", `/v2/approvals?run_id=${run}`)).body.data;
  await expect.poll(async () => (await of()).length, { timeout: 5_000 }).toBe(1);
  const [approval] = await of();
  const made = await host.call(
    "POST",
    "/admin/keys",
    { name, tenant: host.tenant, allowed_services: ["approvals"] },
    admin,
  );
  const { key, id } = made.body;
  const answer = await host.call("POST", `/v2/approvals/${approval.id}/decide`, decision, { key });
  expect(answer.status).toBe(200);
  return { ...answer.body, key, keyId: id };
}

/** What an entry of a decision has besides. */
const unsaid = {
  ...{ role: "developer", channel: "api" },
  request_id: expect.stringMatching(/^req_/),
  from: expect.stringContaining("127.0.0.1"),
  ...{ outcome: "done", before: null, after: null, chained: true, erased: false },
};

const list = async (query: string, more = {}): Promise<Json> =>
  await host.call("GET", `${path}?${query}`, undefined, more);

test("an entry says what was decided about what, by which key by its name, and what was changed", async () => {
  const edited = await decided("Desk one", { decision: "approve", arguments: { amount: 3 } });
  const declined = await decided("Desk two", { decision: "reject", note: "No." });

  const { status, body } = await list("limit=2");

  expect(status).toBe(200);
  expect(body.data).toEqual([
    {
      ...{ id: expect.stringMatching(/^au_/), at: expect.any(String), action: "approval.reject" },
      n: expect.any(Number),
      ...{ by: declined.keyId, by_name: "Desk two", subject: declined.id, ...unsaid },
      ...{ run_id: declined.run_id, arguments: null },
      details: { tool: "pay", status: "rejected", edited: false },
    },
    {
      ...{ id: expect.stringMatching(/^au_/), at: expect.any(String), action: "approval.approve" },
      ...{ by: edited.keyId, by_name: "Desk one", subject: edited.id, run_id: edited.run_id },
      ...unsaid,
      n: expect.any(Number),
      details: { tool: "pay", status: "approved", edited: true },
      arguments: { before: { amount: 5 }, after: { amount: 3 } },
    },
  ]);
  const text = JSON.stringify(body);
  expect(text).not.toContain(edited.key);
  expect(text).not.toContain(edited.key.slice(-20));
});

test("the audit is found by what was done, by whom, to what, in which run and when, in pages", async () => {
  const before = new Date().toISOString();
  const one = await decided("Pages", { decision: "approve" });
  const two = await decided("Pages", { decision: "reject" });
  const since = `from=${before}`;

  const ids = async (query: string): Promise<readonly string[]> =>
    (await list(query)).body.data.map((entry: Json) => entry.subject);
  const first = await list(`${since}&limit=1`);
  const second = await list(`${since}&limit=1&cursor=${first.body.next_cursor}`);

  expect(await ids(since)).toEqual([two.id, one.id]);
  expect(await ids(`${since}&action=approval.approve`)).toEqual([one.id]);
  expect(await ids(`by=${two.keyId}`)).toEqual([two.id]);
  expect(await ids(`subject=${one.id}`)).toEqual([one.id]);
  expect(await ids(`run_id=${two.run_id}`)).toEqual([two.id]);
  expect(await ids(`to=${before}`)).not.toContain(one.id);
  expect(await ids(`by=ak_none`)).toEqual([]);
  expect([first, second].map(({ body }) => body.data[0].subject)).toEqual([two.id, one.id]);
  expect(second.body.next_cursor).toBeNull();
});

test("another tenant, a member and a key without the service see nothing of it", async () => {
  await decided("Mine", { decision: "approve" });
  const member = await host.makeKey(["*"], host.tenant, "developer");
  const narrow = await host.makeKey(["approvals"]);

  const others = await list("", { key: host.otherKey });
  const named = await list(`tenant=${host.tenant}`, { key: host.otherKey });
  const operator = await list(`tenant=${host.tenant}`, admin);
  const refused = await Promise.all([list("", { key: member }), list("", { key: narrow })]);

  expect(others.body).toEqual({ data: [], next_cursor: null });
  expect(named.status).toBe(404);
  expect(operator.body.data.length).toBeGreaterThan(0);
  expect(refused.map(({ status }) => status)).toEqual([403, 403]);
});

test("what cannot be asked for is refused by its name", async () => {
  const [unknown, time, cursor] = await Promise.all([
    list("who=me"),
    list("from=yesterday"),
    list("cursor=zzz"),
  ]);

  expect([unknown, time, cursor].map(({ status }) => status)).toEqual([400, 400, 400]);
  expect(time.body.detail).toBe("from must be a time in ISO 8601.");
});

test("entries older than the operator keeps them go, of every tenant, and no younger one", async () => {
  const { id } = await decided("Old", { decision: "approve" });
  const trimmed = async (days: number, laterMs: number): Promise<number> => {
    const listTenants = async () => [{ id: host.tenant }];
    const nowMs = () => Date.now() + laterMs;
    return await trimAll({ tables: host.system.tables, listTenants, days, nowMs });
  };

  const kept = [await trimmed(0, 10_000 * DAY_MS), await trimmed(30, 29 * DAY_MS)];
  const { data } = (await list("limit=100")).body;
  const gone = await trimmed(30, 31 * DAY_MS);

  expect(kept).toEqual([0, 0]);
  expect(data.map((entry: Json) => entry.subject)).toContain(id);
  expect(gone).toBe(data.length);
  expect((await list("")).body.data).toEqual([]);
});
