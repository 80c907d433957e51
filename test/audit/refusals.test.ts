// What a policy refuses is told once a minute of each kind, and counted: through the door, by whom and what
// was asked for.

import { afterAll, beforeAll, expect, test } from "vitest";
import { type AuditRow, auditTable } from "../../actors/records/audit.ts";
import { KINDS_MAX, Refusals } from "../../adapters/audit/refusals.ts";
import { silentLog } from "../../runtime/log.ts";
import { type HttpHost, startHttpHost } from "../support/http-host.ts";
import { type AuditDesk, startAuditDesk, tenant } from "./tables.ts";

let host: HttpHost;
let desk: AuditDesk;

beforeAll(async () => {
  host = await startHttpHost();
  desk = await startAuditDesk();
});
afterAll(async () => {
  await host.stop();
  await desk.stop();
});

const refused = async (of: HttpHost | AuditDesk, where: string): Promise<readonly AuditRow[]> => {
  const rows = await of.system.tables.list(where, auditTable, { limit: 200 });
  return rows.map(({ value }) => value as AuditRow).filter(({ outcome }) => outcome === "refused");
};

test("a wrong key, a key without the service and an empty account are told, by address or key", async () => {
  const narrow = await host.makeKey(["runs"]);
  for (let at = 0; at < 20; at += 1) {
    await host.call("GET", "/v2/agents", undefined, { key: `troupe_wrong-${at}` });
  }
  await host.call("GET", "/v2/agents", undefined, { key: narrow });
  await host.setBalance(0);
  const broke = await host.call("POST", "/v1/proxy/core-agent-create", {
    name: "A",
    description: "B",
  });
  expect(broke.status, JSON.stringify(broke.body)).toBe(402);
  await host.setBalance(100);

  await expect.poll(() => refused(host, "tn_system"), { timeout: 5_000 }).toHaveLength(1);
  await expect
    .poll(async () => (await refused(host, host.tenant)).length, { timeout: 5_000 })
    .toBe(2);
  const [stranger] = await refused(host, "tn_system");
  const own = await refused(host, host.tenant);
  expect(stranger).toMatchObject({
    ...{ action: "request.refuse", by: "none", subject: "agents" },
    details: { code: "UNAUTHENTICATED", method: "GET" },
  });
  expect(stranger?.from).toContain("127.0.0.1");
  expect(own.map(({ details }) => details["code"]).sort()).toEqual([
    "BALANCE_EXHAUSTED",
    "FORBIDDEN",
  ]);
  expect(own.every(({ by }) => by.startsWith("ak_"))).toBe(true);
  expect(JSON.stringify([stranger, own])).not.toContain("troupe_wrong");
});

test("those of one minute are counted, and beyond so many kinds all others together", async () => {
  const { tables } = desk.system;
  const refusals = new Refusals({ tables, log: silentLog, togetherMs: 3_600_000 });
  const note = (from: string): void =>
    refusals.note({
      ...{ tenant, code: "UNAUTHENTICATED", service: "agents", method: "GET" },
      source: { by: "none", from },
    });
  for (let at = 0; at < 50; at += 1) note("10.0.0.1");
  for (let at = 0; at < KINDS_MAX + 500; at += 1) note(`10.1.${at >> 8}.${at & 255}`);
  await refusals.end();

  const all = async (): Promise<readonly AuditRow[]> => {
    const rows: AuditRow[] = [];
    for (let after: string | undefined; ; ) {
      const page = { limit: 200, ...(after === undefined ? {} : { after }) };
      const some = await tables.list(tenant, auditTable, page);
      rows.push(...some.map(({ value }) => value as AuditRow));
      after = some.at(-1)?.id;
      if (some.length < 200) return rows;
    }
  };
  // One of each kind, one of all others, and what was counted of the first address and of the others.
  expect(await all()).toHaveLength(KINDS_MAX + 1 + 2);
  const counted = (await all()).filter(({ details }) => details["more"] !== undefined);
  const sums = counted.map(({ from, details: { more, others } }) => [others === true, from, more]);
  expect(sums).toEqual(
    expect.arrayContaining([
      [false, "10.0.0.1", 49],
      [true, expect.any(String), 500],
    ]),
  );
});

test("a flood of messages that a guardrail refuses is one row at once, by rule and key", async () => {
  const rule = { on: ["input"], action: "block" };
  const guardrails = [
    { ...rule, name: "birds", check: { type: "words", words: ["falcon"] } },
    { ...rule, name: "mail", check: { type: "pii" } },
  ];
  const { body } = await host.call("POST", "/v2/agents", { name: "Desk", guardrails });
  const other = await host.makeKey(["*"]);
  const say = (input: string, key = host.key) =>
    host.call("POST", `/v2/agents/${body.id}/runs`, { input }, { key });
  const told = async () =>
    (await refused(host, host.tenant)).filter(({ subject }) => subject === body.id);

  const first = await say("A falcon.");
  const atOnce = await told();
  for (let at = 0; at < 30; at += 1) await say("A falcon.");
  await say("I am ann@example.com");
  await say("A falcon.", other);

  expect([first.status, atOnce.length]).toEqual([400, 1]);
  const rows = await told();
  const of = rows.map(({ by, details }) => [details["rule"], by === atOnce[0]?.by]);
  expect(of.sort()).toEqual([
    ["birds", false],
    ["birds", true],
    ["mail", true],
  ]);
});

test("those of another tenant are counted apart, also beyond so many kinds", async () => {
  const { tables } = desk.system;
  const counting = new Refusals({ tables, log: silentLog, togetherMs: 3_600_000 });
  const what = { action: "guardrail.block", subject: "ag_1", outcome: "refused" } as const;
  const source = { by: "ak_1" };
  const tell = (of: string, kind: string) => counting.tell({ tenant: of, source, what, kind });
  const tenants = ["tn_counted1", "tn_counted2"];
  for (const of of tenants) for (let at = 0; at < 5; at += 1) await tell(of, "same");
  for (let at = 0; at < KINDS_MAX; at += 1) await tell("tn_counted1", `kind ${at}`);
  for (let at = 0; at < 3; at += 1) await tell("tn_counted2", `kind ${at}`);
  await counting.end();

  const more = async () => {
    const rows = await tables.list("tn_counted2", auditTable, { limit: 200 });
    return rows.map(({ value }) => (value as AuditRow).details).filter((one) => "more" in one);
  };
  expect(await more()).toEqual(expect.arrayContaining([{ more: 4 }, { more: 2, others: true }]));
});
