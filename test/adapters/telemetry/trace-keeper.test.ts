// What of ended runs is kept: a sample of the traces, all that failed or were slow, and no more than a tenant may have.

import { afterEach, expect, test } from "vitest";
import type { StoredTrace } from "../../../actors/trace/stored-trace.ts";
import {
  createTraceKeeper,
  type TraceKeeper,
  type TraceSettings,
} from "../../../adapters/telemetry/trace-keeper.ts";
import type { RunRow, System, TableRow, TableWrite } from "../../../runtime/system.ts";

const NOW_MS = 1_700_000_000_000;
const DAY_MS = 86_400_000;
const all: TraceSettings = {
  ...{ samplePercent: 100, slowMs: 10_000, keepDays: 7, runsMax: 100, bytesMax: 1e6 },
};

let keeper: TraceKeeper;
let rows: Map<string, unknown>;
let counters: Record<string, number>;
let nowMs: number;
let runs: Map<string, Partial<RunRow>>;
let told: string[];
afterEach(() => keeper.stop());

function keep(settings: Partial<TraceSettings> = {}, limits: object = {}): void {
  [rows, counters, runs, told] = [new Map(), {}, new Map(), []];
  nowMs = NOW_MS;
  const tables = {
    counter: async (_: string, name: string) => counters[name] ?? 0,
    list: async (_: string, table: string, { limit }: { limit: number }) =>
      [...rows]
        .filter(([key]) => key.startsWith(`${table}/`))
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .slice(0, limit)
        .map(([key, value]) => ({ id: key.split("/")[1], value }) as TableRow),
    write: async (_: string, writes: readonly TableWrite[]) => {
      for (const one of writes) {
        if (one.type === "put") rows.set(`${one.table}/${one.id}`, one.value);
        else if (one.type === "remove") rows.delete(`${one.table}/${one.id}`);
        else if (one.type === "add") {
          counters[one.counter] = (counters[one.counter] ?? 0) + one.delta;
        }
      }
      return { counters: { ...counters } };
    },
  };
  const system = {
    tables,
    run: async (_: string, id: string) => runs.get(id),
    log: async (row: RunRow) => ({
      entries: [{ type: "end", run: row.id, outcome: { status: "completed" } }],
      next: null,
    }),
  } as unknown as Pick<System, "run" | "log" | "tables">;
  const log = { write: (_: unknown, message: string) => void told.push(message) };
  keeper = createTraceKeeper({
    ...{ settings: { ...all, ...settings }, system, log, nowMs: () => nowMs },
    limits: { settleMs: 0, everyMs: 1, ...limits },
  });
}

const idOf = (at: number): string => `rn_${String(at).padStart(10, "0")}aaaaaaaaaaaaaaaa`;

function run(at: number, more: Partial<RunRow> = {}): string {
  const id = idOf(at);
  const row: Partial<RunRow> = {
    ...{
      id,
      kind: "supervisor",
      status: "completed",
      input: { agent: "ag_1", message: "Secret?" },
    },
    ...{ startedAt: nowMs - 5, endedAt: nowMs, outcome: { status: "completed" }, reply: null },
  };
  runs.set(id, { ...row, ...more });
  return id;
}

async function ended(...ids: readonly string[]): Promise<readonly StoredTrace[]> {
  const { kept, notSampled, leftOut } = keeper.figures();
  const before = kept + notSampled + leftOut;
  keeper.take({ runs: ids.map((id) => ({ tenant: "tn_1", run: id })), dropped: 0 });
  await expect
    .poll(() => {
      const figures = keeper.figures();
      return figures.kept + figures.notSampled + figures.leftOut;
    })
    .toBe(before + ids.length);
  return kept_();
}

const kept_ = (): readonly StoredTrace[] =>
  [...rows].flatMap(([key, value]) =>
    key.startsWith("traces/") ? [value as unknown as StoredTrace] : [],
  );

test("an ended run is kept with its spans and without what was said", async () => {
  keep();

  const [trace] = await ended(run(1));

  expect(trace).toMatchObject({ id: idOf(1), agent: "ag_1", status: "completed", spans: 1 });
  expect(rows.has(`trace-runs/${trace?.traceId}.${idOf(1)}`)).toBe(true);
  expect(JSON.stringify([...rows])).not.toContain("Secret?");
});

test("of what is not sampled, runs that failed or were slow are kept", async () => {
  keep({ samplePercent: 0 });
  const error = { code: "DEADLINE", message: "It took too long." } as const;
  const failed = run(2, { status: "failed", outcome: { status: "failed", error } });
  const slow = run(3, { startedAt: nowMs - 10_000 });

  const traces = await ended(run(1), failed, slow, run(4, { startedAt: nowMs - 9_999 }));

  expect(traces.map(({ id }) => id)).toEqual([idOf(2), idOf(3)]);
  expect(traces[0]?.error).toMatch(/^DEADLINE: /);
  expect(keeper.figures()).toMatchObject({ kept: 2, notSampled: 2 });
});

test("a share of the traces is sampled, and all runs of a trace or none", async () => {
  keep({ samplePercent: 50 }, { atOnce: 500 });
  const trace = (at: number): string =>
    `00-${String(at).padStart(32, "a1b2c3d4")}-b7ad6b7169203331-01`;
  const ids: string[] = [];
  for (let at = 1; at <= 200; at += 1) {
    ids.push(
      run(2 * at),
      run(1_000 + at, { trace: trace(at) }),
      run(2_000 + at, { trace: trace(at) }),
    );
  }

  const traces = await ended(...ids);

  const own = traces.filter(({ id }) => id < idOf(1_000)).length;
  expect(own).toBeGreaterThan(60);
  expect(own).toBeLessThan(140);
  const numbers = (from: number): number[] =>
    traces.map(({ id }) => Number(id.slice(3, 13)) - from).filter((at) => at > 0 && at <= 200);
  expect(numbers(2_000).sort()).toEqual(numbers(1_000).sort());
});

test("a tenant has no more runs than its limit, the oldest go first, with all of their rows", async () => {
  keep({ runsMax: 10 });
  for (let at = 1; at <= 12; at += 1) await ended(run(at));

  const ids = kept_().map(({ id }) => id);

  expect(ids).toContain(idOf(12));
  expect(ids).not.toContain(idOf(1));
  expect(ids.length).toBeLessThanOrEqual(10);
  expect(rows.size).toBe(3 * ids.length);
  expect(counters["traces"]).toBe(ids.length);
});

test("nor more bytes, nor older ones", async () => {
  keep({ bytesMax: 2_000 });
  for (let at = 1; at <= 20; at += 1) await ended(run(at));
  expect(counters["trace-bytes"]).toBeLessThanOrEqual(2_000);
  expect(kept_().length).toBeGreaterThan(0);

  keep({ keepDays: 1 });
  await ended(run(1), run(2));
  nowMs += DAY_MS + 10;
  await ended(run(3));
  await keeper.trim("tn_1");

  expect(kept_().map(({ id }) => id)).toEqual([idOf(3)]);
  expect(counters["traces"]).toBe(1);
});

test("runs that come faster than they can be read are left out and told, and an unended one is read again", async () => {
  keep({}, { queueMax: 3, everyMs: 5 });
  const late = run(1, { endedAt: null });
  const ids = [late, run(2), run(3), run(4), run(5)];
  keeper.take({ runs: ids.map((id) => ({ tenant: "tn_1", run: id })), dropped: 2 });
  run(1);

  await expect.poll(() => keeper.figures()).toEqual({ kept: 3, notSampled: 0, leftOut: 4 });

  expect(told).toEqual(["Traces of runs were not kept: there were too many at once."]);
});
