// The books: whatever dies between two writes, every row of the ledger is in the sums once, and the sums say
// what a walk over the ledger says; and reading them costs what the sums cost, not the ledger.

import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { addRow, type UsageSum, usageTable } from "../../../actors/money/sums.ts";
import {
  freshLedgerTable,
  type LedgerRow,
  ledgerTable,
} from "../../../actors/records/conversation.ts";
import { createUsageBooks } from "../../../adapters/http/services/usage-books.ts";
import { readUsage } from "../../../adapters/http/services/usage-reader.ts";
import { newId } from "../../../runtime/id.ts";
import type { Tables } from "../../../runtime/system.ts";
import { type HttpHost, startHttpHost } from "../../support/http-host.ts";

let host: HttpHost;
let tenants = 0;
const freshTenant = (): string => {
  tenants += 1;
  return `tn_books${tenants}`;
};

beforeAll(async () => {
  host = await startHttpHost();
});
afterAll(() => host.stop());

const START = Date.parse("2026-01-31T23:59:59.000Z");

interface Spec {
  readonly afterMs: number;
  readonly service: string;
  readonly agent_id: string | null;
  readonly key_id: string | null;
  readonly micros: number;
  readonly outcome: string;
  readonly models: readonly (readonly [model: string, tokens: number])[];
}

const row: fc.Arbitrary<Spec> = fc.record({
  afterMs: fc.oneof(fc.nat(2_000), fc.nat(70 * 24 * 3_600_000)),
  service: fc.constantFrom("core-agent-chat", "spend", "agents", "credit"),
  agent_id: fc.constantFrom("ag_1", "tm_2", null, "=1+1"),
  key_id: fc.constantFrom("ak_1", "ak_2", null),
  micros: fc.nat(5_000_000),
  outcome: fc.constantFrom("completed", "failed"),
  models: fc.array(fc.tuple(fc.constantFrom("a", "b/c", "\ud800"), fc.nat(999)), { maxLength: 3 }),
});

function ledgerRow(of: Spec): LedgerRow {
  const { afterMs, micros, models, ...rest } = of;
  const named = new Map(models);
  const parts = [...named].map(([model, tokens]) => ({
    ...{ model, promptTokens: tokens, completionTokens: 1, spendMicros: 2 * tokens },
  }));
  const sum = (name: "promptTokens" | "completionTokens" | "spendMicros"): number =>
    parts.reduce((total, part) => total + part[name], 0);
  const spend = {
    ...{ promptTokens: sum("promptTokens"), completionTokens: sum("completionTokens") },
    ...{ spendMicros: sum("spendMicros"), models: parts },
  };
  return {
    id: newId("le", START + afterMs),
    at: new Date(START + afterMs).toISOString(),
    run_id: null,
    ...rest,
    charge: { units: 1, unitPriceMicros: micros, micros },
    spend: parts.length === 0 ? null : spend,
  };
}

async function all<T>(tables: Tables, tenant: string, table: string): Promise<Map<string, T>> {
  const found = new Map<string, T>();
  for (let after: string | undefined; ; ) {
    const page = { limit: 200, ...(after === undefined ? {} : { after }) };
    const rows = await tables.list(tenant, table, page);
    for (const { id, value } of rows) found.set(id, value as T);
    after = rows.at(-1)?.id;
    if (rows.length < 200) return found;
  }
}

/** Tables on which writes die, before or after they are stored. */
function dying(tables: Tables, dies: () => "before" | "after" | null): Tables {
  return {
    ...{ get: (...of) => tables.get(...of), list: (...of) => tables.list(...of) },
    counter: (...of) => tables.counter(...of),
    write: async (...of) => {
      const when = dies();
      if (when === "before") throw new Error("dead");
      const done = await tables.write(...of);
      if (when === "after") throw new Error("dead");
      return done;
    },
  };
}

/** Takes all in, with new books for each life. */
async function takeAllIn(tables: Tables, tenant: string): Promise<void> {
  for (let life = 0; life < 500; life += 1) {
    const books = createUsageBooks({ tables });
    try {
      for (;;) {
        const { rows, isBehind } = await books.takeIn(tenant, 3);
        if (rows === 0 && !isBehind) return;
      }
    } catch (error) {
      if ((error as Error).message !== "dead") throw error;
    }
  }
  throw new Error("It was never all taken in.");
}

function walked(rows: Iterable<LedgerRow>): Map<string, UsageSum> {
  const sums = new Map<string, UsageSum>();
  for (const one of rows) addRow(sums, one);
  return sums;
}

test("whatever dies, every row is in the ledger once and in the sums once, also those from before there were sums", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(row, { maxLength: 40 }),
      fc.array(row, { maxLength: 60 }),
      fc.infiniteStream(fc.constantFrom("before", "after", null, null, null)),
      async (old, fresh, deaths) => {
        const tenant = freshTenant();
        const { tables } = host.system;
        const [before, after] = [old.map(ledgerRow), fresh.map(ledgerRow)];
        const put = (table: string) => (value: LedgerRow) =>
          ({ type: "put", table, id: value.id, value }) as const;
        await tables.write(tenant, [
          ...before.map(put(ledgerTable)),
          ...after.map(put(freshLedgerTable)),
        ]);

        await takeAllIn(
          dying(tables, () => deaths.next().value ?? null),
          tenant,
        );

        const ledger = await all<LedgerRow>(tables, tenant, ledgerTable);
        const sums = await all<UsageSum>(tables, tenant, usageTable);
        sums.delete("_ledger");
        expect([...ledger.keys()].sort()).toEqual([...before, ...after].map(({ id }) => id).sort());
        expect(await all(tables, tenant, freshLedgerTable)).toEqual(new Map());
        expect(Object.fromEntries(sums)).toEqual(Object.fromEntries(walked(ledger.values())));
      },
    ),
    { numRuns: 25 },
  );
});

test("for every way of grouping, the groups of a time add up to the whole of it", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(row, { minLength: 1, maxLength: 60 }),
      fc.nat(75),
      fc.nat(75),
      async (rows, first, last) => {
        const tenant = freshTenant();
        const place = { tables: host.system.tables, tenant };
        const values = rows.map(ledgerRow);
        const dayOf = (day: number): string =>
          new Date(START + day * 24 * 3_600_000).toISOString().slice(0, 10);
        const [fromDay, toDay] = [dayOf(Math.min(first, last)), dayOf(Math.max(first, last))];
        const inside = values.filter(
          ({ at }) => at.slice(0, 10) >= fromDay && at.slice(0, 10) < toDay,
        );
        await place.tables.write(
          tenant,
          values.map(
            (value) => ({ type: "put", table: freshLedgerTable, id: value.id, value }) as const,
          ),
        );
        await takeAllIn(place.tables, tenant);

        for (const groupBy of ["day", "agent", "model", "key", "service"] as const) {
          for (const granularity of ["day", "month", "total"] as const) {
            const sums: UsageSum[] = [];
            const asked = { groupBy, granularity, fromDay, toDay };
            for await (const { sum } of readUsage(place, asked)) sums.push(sum);
            const total = (of: (one: UsageSum) => number) =>
              sums.reduce((n, one) => n + of(one), 0);

            expect(total(({ charged, credited }) => charged - credited)).toBe(
              inside.reduce((n, { charge }) => n + charge.micros, 0),
            );
            expect(total(({ prompt, spend }) => prompt + spend)).toBe(
              inside.reduce(
                (n, { spend }) => n + (spend ? spend.promptTokens + (spend.spendMicros ?? 0) : 0),
                0,
              ),
            );
          }
        }
      },
    ),
    { numRuns: 10 },
  );
});

test("readers that take in at the same time as the sweep count nothing twice", async () => {
  const tenant = freshTenant();
  const { tables } = host.system;
  const books = createUsageBooks({ tables });
  const rows = fc.sample(row, { numRuns: 500, seed: 7 }).map(ledgerRow);
  await tables.write(
    tenant,
    rows.map((value) => ({ type: "put", table: freshLedgerTable, id: value.id, value }) as const),
  );

  // Another one beside it does not know of the first: what is stored is the judge.
  const others = createUsageBooks({ tables });
  const tries = [books, others, books, others].map((one) => one.takeIn(tenant, 50));
  await Promise.allSettled(tries);
  await takeAllIn(tables, tenant);

  const sums = await all<UsageSum>(tables, tenant, usageTable);
  sums.delete("_ledger");
  expect(Object.fromEntries(sums)).toEqual(Object.fromEntries(walked(rows)));
});

test("a ledger of 100,000 rows is read as its sums: as many rows as there are days and groups", async () => {
  const tenant = freshTenant();
  const { tables } = host.system;
  const total = 100_000;
  const sums = new Map<string, UsageSum>();
  for (let at = 0; at < total; at += 1_000) {
    const rows = Array.from({ length: 1_000 }, (_, n) =>
      ledgerRow({
        ...{ agent_id: `ag_${(at + n) % 10}`, key_id: `ak_${(at + n) % 3}`, service: "chat" },
        ...{ afterMs: 1_000 + ((at + n) % 28) * 24 * 3_600_000, outcome: "completed" },
        ...{ micros: 1_000, models: [["a", 10]] },
      }),
    );
    for (const one of rows) addRow(sums, one);
    await tables.write(
      tenant,
      rows.map((value) => ({ type: "put", table: ledgerTable, id: value.id, value }) as const),
      "committed",
    );
  }
  // As the books leave it, which is what the tests above are about.
  const state = { summed: null, isDone: true };
  await tables.write(
    tenant,
    [...sums, ["_ledger", state] as const].map(
      ([id, value]) => ({ type: "put", table: usageTable, id, value }) as const,
    ),
  );
  let read = 0;
  const counted: Tables = {
    ...dying(tables, () => null),
    get: async (...of) => {
      read += 1;
      return await tables.get(...of);
    },
    list: async (...of) => {
      const rows = await tables.list(...of);
      read += rows.length;
      return rows;
    },
  };
  const books = createUsageBooks({ tables: counted });
  await books.takeIn(tenant, 50);
  const groups: UsageSum[] = [];
  const asked = { groupBy: "agent", granularity: "day", fromDay: null, toDay: null } as const;
  for await (const { sum } of readUsage({ tables: counted, tenant }, asked)) groups.push(sum);

  expect(groups.reduce((sum, { calls }) => sum + calls, 0)).toBe(total);
  expect(groups).toHaveLength(280 / 2);
  expect(read).toBeLessThan(400);
  read = 0;
  const whole = { ...asked, granularity: "total" } as const;
  for await (const { sum } of readUsage({ tables: counted, tenant }, whole)) groups.push(sum);
  expect(read).toBeLessThan(30);
});
