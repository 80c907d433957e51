// The chain of the audit on a real store: each row once, in one order, whatever dies; and whatever was
// changed in it is found and named.

import { createHash } from "node:crypto";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { auditTable } from "../../actors/records/audit.ts";
import { canonicalJson } from "../../adapters/audit/canonical.ts";
import { type ChainEntry, hashOfEntry, macOf } from "../../adapters/audit/chain.ts";
import { BEGUN_MS, chainArrived, readHead } from "../../adapters/audit/chaining.ts";
import type { AuditLine } from "../../adapters/audit/export-lines.ts";
import { findEntries } from "../../adapters/audit/find.ts";
import { entryId, logTables } from "../../adapters/audit/log-tables.ts";
import { trimChain } from "../../adapters/audit/trimming.ts";
import { verifyAudit } from "../../adapters/audit/verify.ts";
import type { Tables, TableWrite } from "../../runtime/system.ts";
import { type AuditDesk, linesOf, startAuditDesk, tenant } from "./tables.ts";

const { entries, contents, chain } = logTables;
let desk: AuditDesk;
let tables: Tables;

beforeAll(async () => {
  desk = await startAuditDesk();
  tables = desk.system.tables;
});
afterAll(() => desk.stop());
beforeEach(async () => {
  // Each test has a chain of its own.
  for (const table of [...Object.values(logTables), auditTable]) {
    for (;;) {
      const rows = await tables.list(tenant, table, { limit: 200 });
      if (rows.length === 0) break;
      await tables.write(
        tenant,
        rows.map(({ id }) => ({ type: "remove", table, id }) as const),
      );
    }
  }
});

const verified = (
  seen?: { n: number; hash: string },
  keys?: readonly { id: string; bytes: Uint8Array }[],
) => verifyAudit(linesOf(tables), { ...(seen && { seen }), ...(keys && { keys }) });
const entry = async (n: number): Promise<ChainEntry> =>
  (await tables.get(tenant, entries, entryId(n)))?.value as ChainEntry;
const put = (table: string, id: string, value: unknown): TableWrite => ({
  type: "put",
  table,
  id,
  value,
});
const drop = (table: string, id: string): TableWrite => ({ type: "remove", table, id });

test("the canonical form is that of RFC 8785", () => {
  const value = {
    numbers: [333333333.3333333, 1e30, 4.5, 2e-3, 0.000000000000000000000000001],
    string: '€$\u000F\u000aA\'B"\\\\"/',
    literals: [null, true, false],
  };
  const names = {
    "\u20ac": 1,
    "\r": 2,
    "\ufb33": 3,
    "1": 4,
    "\ud83d\ude00": 5,
    "\u0080": 6,
    "\u00f6": 7,
  };

  expect(canonicalJson(value)).toBe(
    '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
  );
  expect([...canonicalJson(names).matchAll(/:(\d)/g)].map(([, n]) => n).join("")).toBe("2467153");
});

test("each entry is the hash of itself and of the one before, as anybody can compute", async () => {
  await desk.arrive(3);
  await chainArrived(desk.chaining, tenant);

  const [one, two] = [await entry(1), await entry(2)];
  const { n, prev, chained_at, row } = two;
  const text = canonicalJson({ tenant, n, prev, chained_at, row });

  expect(two.prev).toBe(one.hash);
  expect(two.hash).toBe(createHash("sha256").update(text).digest("hex"));
  expect(await verified()).toMatchObject({ entries: 3, fault: null, head: { n: 3 } });
});

test("whoever chains at the same time, each row is in the chain once and none waits", async () => {
  const rows = await desk.arrive(150);

  await Promise.all(Array.from({ length: 6 }, () => chainArrived(desk.chaining, tenant)));
  await chainArrived(desk.chaining, tenant);

  const verdict = await verified();
  const ids = await idsInOrder(150);
  expect(verdict).toMatchObject({ entries: 150, fresh: 0, fault: null });
  expect(new Set(ids)).toEqual(new Set(rows.map(({ id }) => id)));
});

test("rows that others chain between a look at the head and the commit fork nothing", async () => {
  await desk.arrive(5);
  const [late] = await desk.arrive(1);
  const only = (fits: (id: string) => boolean): Tables => ({
    get: (...args) => tables.get(...args),
    counter: (...args) => tables.counter(...args),
    list: async (...args) => (await tables.list(...args)).filter(({ id }) => fits(id)),
    write: (...args) => tables.write(...args),
  });
  const others = only((id) => id === late?.id);
  let isFirst = true;
  const overtaken: Tables = {
    ...only((id) => id !== late?.id),
    write: async (...args) => {
      if (isFirst) {
        isFirst = false;
        await chainArrived({ ...desk.chaining, tables: others }, tenant);
      }
      return await tables.write(...args);
    },
  };

  await chainArrived({ ...desk.chaining, tables: overtaken }, tenant);

  expect(await verified()).toMatchObject({ entries: 6, fresh: 0, fault: null });
  expect((await entry(1)).row.id).toBe(late?.id);
});

test("whichever write of it the process dies at, before or after, each row is chained once", async () => {
  const rows = await desk.arrive(200);
  for (let dies = 0; dies < 8; dies += 1) {
    let left = dies % 4;
    const dying: Tables = {
      get: (...args) => tables.get(...args),
      list: (...args) => tables.list(...args),
      counter: (...args) => tables.counter(...args),
      write: async (...args) => {
        const isLast = left === 0;
        left -= 1;
        if (isLast && dies >= 4) throw new Error("dies before");
        const done = await tables.write(...args);
        if (isLast) throw new Error("dies after");
        return done;
      },
    };
    await chainArrived({ ...desk.chaining, tables: dying }, tenant).catch(() => undefined);
    expect((await verified()).fault).toBeNull();
  }
  await chainArrived(desk.chaining, tenant);

  expect(await verified()).toMatchObject({ entries: 200, fresh: 0, fault: null });
  expect(new Set(await idsInOrder(200))).toEqual(new Set(rows.map(({ id }) => id)));
});

test("an act whose subject is any text, and whose facts are no numbers, is chained and found", async () => {
  const subjects = ["ä b/~", "x".repeat(2_000), "a.b,c", ""];
  for (const subject of subjects) await desk.arrive(1, { subject, details: { sum: Number.NaN } });
  await chainArrived(desk.chaining, tenant);
  const all = { action: null, by: null, run_id: null, outcome: null, fromMs: null, toMs: null };

  for (const subject of subjects.slice(0, 3)) {
    const page = { limit: 10, below: null };
    const { found } = await findEntries(tables, tenant, { ...all, subject }, page);
    expect(found.map(({ entry }) => entry.row.subject)).toEqual([subject]);
  }
  const read: AuditLine[] = [];
  for await (const line of linesOf(tables)) read.push(line);
  const lines = JSON.stringify(read);
  expect(await verifyAudit(each(JSON.parse(lines)))).toMatchObject({ entries: 4, fault: null });
});

test("what is under way waits for its end, and is unknown when that does not come", async () => {
  await desk.arrive(1, { outcome: "begun" });
  await desk.arrive(1);

  const soon = await chainArrived(desk.chaining, tenant);
  const waiting = await verified();
  const later = { ...desk.chaining, nowMs: () => Date.now() + BEGUN_MS + 1 };
  const late = await chainArrived(later, tenant);

  expect([soon, late, waiting.fresh]).toEqual([1, 1, 1]);
  expect((await entry(2)).row.outcome).toBe("unknown");
});

test("every kind of tampering is found, with the first entry that is wrong", async () => {
  await desk.arrive(20);
  await chainArrived(desk.chaining, tenant);
  const { head } = await readHead(tables, tenant);
  const [e5, e6, e9, e20] = [await entry(5), await entry(6), await entry(9), await entry(20)];
  const c9 = (await tables.get(tenant, contents, entryId(9)))?.value as object;
  const forged = { ...e9, row: { ...e9.row, by: "ak_2" } };
  const rehashed = { ...forged, hash: hashOfEntry(tenant, forged) };
  const more = { ...e20, n: 21, prev: e20.hash };
  const [id5, id6, id9, id20] = [entryId(5), entryId(6), entryId(9), entryId(20)];
  const shorter = { n: 19, hash: e20.prev, chained_at: e20.chained_at };
  const cases: Readonly<Record<string, [readonly TableWrite[], readonly TableWrite[], object]>> = {
    "a changed row": [
      [put(entries, id9, forged)],
      [put(entries, id9, e9)],
      { n: 9, kind: "changed" },
    ],
    "a changed row with its hash": [
      [put(entries, id9, rehashed)],
      [put(entries, id9, e9)],
      { n: 10, kind: "inserted" },
    ],
    "a changed content": [
      [put(contents, id9, { ...c9, after: { name: "Other" } })],
      [put(contents, id9, c9)],
      { n: 9, kind: "content-changed" },
    ],
    "a dropped row": [[drop(entries, id9)], [put(entries, id9, e9)], { n: 9, kind: "missing" }],
    "two that are swapped": [
      [put(entries, id5, e6), put(entries, id6, e5)],
      [put(entries, id5, e5), put(entries, id6, e6)],
      { n: 5, kind: "reordered" },
    ],
    "a tail that is cut": [
      [drop(entries, id20)],
      [put(entries, id20, e20)],
      { n: 20, kind: "truncated" },
    ],
    "one that is put behind the end": [
      [put(entries, entryId(21), { ...more, hash: hashOfEntry(tenant, more) })],
      [drop(entries, entryId(21))],
      { n: 21, kind: "inserted" },
    ],
    "one that is put where another was": [
      [put(entries, id9, { ...e5, n: 9 })],
      [put(entries, id9, e9)],
      { n: 9, kind: "changed" },
    ],
  };
  for (const [name, [tamper, repair, fault]] of Object.entries(cases)) {
    await tables.write(tenant, tamper);
    expect((await verified()).fault, name).toMatchObject(fault);
    await tables.write(tenant, repair);
    expect((await verified()).fault, `${name}, repaired`).toBeNull();
  }
  // The tail with its head: only who has seen the head can tell.
  await tables.write(tenant, [drop(entries, id20), put(chain, "head", shorter)]);
  expect((await verified()).fault).toBeNull();
  expect((await verified(head)).fault).toMatchObject({ n: 20, kind: "truncated" });
});

test("who has the file and not the key cannot make the chain anew", async () => {
  const key = { id: "k1", bytes: new Uint8Array(32).fill(7) };
  await desk.arrive(5);
  await chainArrived({ ...desk.chaining, key }, tenant);
  expect(await verified(undefined, [key])).toMatchObject({ signed: 5, fault: null });

  const rebuild = async (mac: (hash: string) => string | null, from = 3): Promise<void> => {
    let prev = from === 1 ? (await entry(1)).prev : (await entry(from - 1)).hash;
    for (let n = from; n <= 5; n += 1) {
      const old = await entry(n);
      const body = { ...old, prev, row: { ...old.row, by: "ak_2" } };
      const hash = hashOfEntry(tenant, body);
      const code = mac(hash);
      const made = { ...body, hash, mac: code, key: code === null ? null : "k1" };
      const last = { n, hash, chained_at: old.chained_at };
      await tables.write(tenant, [put(entries, entryId(n), made), put(chain, "head", last)]);
      prev = hash;
    }
  };
  await rebuild((hash) => macOf({ ...key, bytes: new Uint8Array(32) }, hash));
  expect((await verified()).fault).toBeNull();
  expect((await verified(undefined, [key])).fault).toMatchObject({ n: 3, kind: "forged" });
  await rebuild(() => null);
  expect((await verified(undefined, [key])).fault).toMatchObject({ n: 3, kind: "forged" });
  // Nor without any code: not the whole of it either.
  await rebuild(() => null, 1);
  expect((await verified()).fault).toBeNull();
  expect((await verified(undefined, [key])).fault).toMatchObject({ n: 1, kind: "forged" });
});

test("what was erased of a row leaves the chain whole, and says that it was", async () => {
  await desk.arrive(4);
  await chainArrived(desk.chaining, tenant);
  await tables.write(tenant, [drop(contents, entryId(2))]);

  const verdict = await verified();

  expect(verdict).toMatchObject({ entries: 4, erased: 1, fault: null });
});

test("a chain that was trimmed is whole from its anchor on", async () => {
  const at = (ms: number) => ({ ...desk.chaining, nowMs: () => ms });
  await desk.arrive(100);
  await chainArrived(at(1_000_000), tenant);
  const old = (await verified()).head;
  await desk.arrive(30);
  await chainArrived(at(2_000_000), tenant);

  const trimmed = await trimChain(tables, tenant, 1_500_000);
  const verdict = await verified(old);
  await tables.write(tenant, [drop(chain, "anchor")]);
  const without = await verified();

  expect(trimmed).toBe(100);
  expect(verdict).toMatchObject({ entries: 30, head: { n: 130 }, fault: null });
  expect(without.fault).toMatchObject({ n: 1, kind: "missing" });
  for (const table of [contents, logTables.index]) {
    const rows = await tables.list(tenant, table, { limit: 200 });
    expect(rows.every(({ id }) => Number(id.split(".").at(-1)) > 100)).toBe(true);
  }
});

async function* each(lines: readonly AuditLine[]): AsyncIterable<AuditLine> {
  yield* lines;
}

async function idsInOrder(count: number): Promise<readonly string[]> {
  const ids: string[] = [];
  for (let n = 1; n <= count; n += 1) ids.push((await entry(n)).row.id);
  return ids;
}
