// Tenants through the real door: suspended and resumed, removed and out of reach, and never anothers'.

import { existsSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { traceCounters, traceTables } from "../../../actors/trace/stored-trace.ts";
import { type HttpHost, startHttpHost } from "../../support/http-host.ts";
import { keptTrace } from "../../support/kept-trace.ts";
import type { Answer, Json } from "../../support/wire-client.ts";

let host: HttpHost;
let admin: { readonly key: string };

beforeAll(async () => {
  host = await startHttpHost();
  admin = { key: host.adminKey };
});
afterAll(() => host.stop());

interface Made {
  readonly tenant: string;
  readonly key: string;
}

async function make(name: string): Promise<Made> {
  const { body } = await host.call("POST", "/admin/tenants", { name }, admin);
  await host.setBalance(100, body.id);
  return { tenant: body.id, key: await host.makeKey(["*"], body.id) };
}

const act = (tenant: string, verb: string): Promise<Answer> =>
  host.call("POST", `/admin/tenants/${tenant}/${verb}`, undefined, admin);
const remove = (tenant: string): Promise<Answer> =>
  host.call("DELETE", `/admin/tenants/${tenant}`, undefined, admin);
const read = async (tenant: string): Promise<Json> =>
  (await host.call("GET", `/admin/tenants/${tenant}`, undefined, admin)).body;
const agents = (key: string): Promise<Answer> => host.call("GET", "/v2/agents", undefined, { key });

test("a suspended tenant is refused at once, and goes on as it was when it is resumed", async () => {
  const { tenant, key } = await make("Paused");
  await host.call("POST", "/v2/agents", { name: "Kept" }, { key });
  await agents(key);

  const suspended = await act(tenant, "suspend");
  const refused = await agents(key);
  const others = await agents(host.key);
  const shown = await read(tenant);
  const resumed = await act(tenant, "resume");
  const after = await agents(key);

  expect([suspended.status, suspended.body.status]).toEqual([200, "suspended"]);
  expect([refused.status, refused.body.code]).toEqual([403, "TENANT_SUSPENDED"]);
  expect(others.status).toBe(200);
  expect(shown).toMatchObject({ status: "suspended", suspended_at: expect.any(String) });
  expect(resumed.body).toMatchObject({ status: "active", suspended_at: null });
  expect(after.body.data.map(({ name }: Json) => name)).toEqual(["Kept"]);
});

test("a chat that is under way when its tenant is suspended stops, and is answered when it is resumed", async () => {
  const { tenant, key } = await make("Chatting");
  const agent = (await host.call("POST", "/v2/agents", { name: "A" }, { key })).body.id;
  let asked = 0;
  const { script } = host.llm;
  host.llm.script = async ({ signal }) => {
    asked += 1;
    const isFirst = asked === 1;
    if (isFirst) await new Promise((resolve) => signal.addEventListener("abort", resolve));
    return "the answer";
  };
  const started = await host.call(
    "POST",
    `/v2/agents/${agent}/runs`,
    { input: "Hello?", mode: "background" },
    { key },
  );
  await expect.poll(() => asked, { timeout: 5_000 }).toBe(1);

  await act(tenant, "suspend");
  const stopped = (await host.system.inspect()).total.runs;
  await act(tenant, "resume");
  const run = (): Promise<Answer> =>
    host.call("GET", `/v2/runs/${started.body.run_id}`, undefined, { key });
  await expect.poll(async () => (await run()).body.status, { timeout: 10_000 }).toBe("completed");
  host.llm.script = script;

  expect(stopped).toBe(0);
  expect(asked).toBe(2);
});

test("a removed tenant is out of reach when it is answered, and its rows and files go", async () => {
  const { tenant, key } = await make("Planted name");
  const made = await host.call("POST", "/v2/agents", { name: "Gone" }, { key });
  const asked = `/v2/agents/${made.body.id}/runs`;
  const run = (await host.call("POST", asked, { input: "Hello?" }, { key })).body.id;
  await keptTrace(host.system, tenant, run);
  const kept = await host.call("GET", `/v2/traces/${run}`, undefined, { key });

  const removed = await remove(tenant);
  const [mine, other] = await Promise.all([agents(key), agents(host.key)]);
  const asOperator = await host.call("GET", "/v2/agents", undefined, {
    ...admin,
    headers: { "X-Tenant": tenant },
  });
  const again = await remove(tenant);
  await expect
    .poll(async () => (await read(tenant)).purge.phase, { timeout: 10_000 })
    .toBe("compacting");
  const { tables } = host.system;
  const names = ["agents", ...Object.values(traceTables)];
  const left = await Promise.all(names.map((name) => tables.list(tenant, name, { limit: 10 })));
  const counted = await tables.counter(tenant, traceCounters.bytes);
  const keysLeft = await host.call("GET", `/admin/keys?tenant=${tenant}`, undefined, admin);

  expect(made.status).toBe(201);
  expect([removed.status, removed.body.status, removed.body.name]).toEqual([202, "purging", ""]);
  expect([mine.status, mine.body.code]).toEqual([401, "UNAUTHENTICATED"]);
  expect([other.status, asOperator.status, again.status]).toEqual([200, 404, 202]);
  expect([kept.status, left.flat(), counted, keysLeft.body.data]).toEqual([200, [], 0, []]);
  expect((await read(tenant)).purge).toMatchObject({
    rows_removed: expect.any(Number),
    removed_at: expect.any(String),
    purged_at: null,
  });
  expect((await read(tenant)).purge.rows_removed).toBeGreaterThan(3);
  const refused = await host.system.tables
    .write(tenant, [{ type: "put", table: "agents", id: "ag_1", value: 1 }])
    .catch(({ code }: { code: string }) => code);
  expect(refused).toBe("TENANT_SUSPENDED");
});

test("what an operator does with tenants is one row of the audit each", async () => {
  const { tenant } = await make("Audited");
  await host.call("PATCH", `/admin/tenants/${tenant}`, { name: "Renamed" }, admin);
  await act(tenant, "suspend");
  await act(tenant, "resume");
  await remove(tenant);

  const rows = await host.system.tables.list("tn_system", "audit", { limit: 200 });
  const own = rows.map(({ value }) => value as Json).filter(({ subject }) => subject === tenant);

  expect(own.map(({ action, by }) => [action, by])).toEqual(
    ["create", "update", "suspend", "resume", "delete"].map((verb) => [
      `tenant.${verb}`,
      "operator",
    ]),
  );
});

test("an owner neither sees nor changes tenants, its own least of all", async () => {
  const path = `/admin/tenants/${host.tenant}`;

  const answers = await Promise.all([
    host.call("GET", path),
    host.call("PATCH", path, { name: "Mine" }),
    host.call("POST", `${path}/suspend`),
    host.call("DELETE", path),
  ]);

  expect(answers.map(({ status }) => status)).toEqual([403, 403, 403, 403]);
});

test("ids that are none lead to nobody", async () => {
  const wrong = ["tn_none", "tn_system", "..%2Ftn_system", "tn_a~", "tn_a%3Ab", "tn_%2e%2e"];

  const answers = await Promise.all(
    wrong.flatMap((id) => [
      host.call("GET", `/admin/tenants/${id}`, undefined, admin),
      remove(id),
      act(id, "suspend"),
    ]),
  );
  const headers = await Promise.all(
    ["tn_a/b", "tn_", "x", "tn_a:b", "tn_A~"].map((id) =>
      host.call("GET", "/v2/agents", undefined, { ...admin, headers: { "X-Tenant": id } }),
    ),
  );

  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([404]));
  expect(new Set(headers.map(({ status }) => status))).toEqual(new Set([400]));
  expect(existsSync("tn_system")).toBe(false);
});
