// What of ended runs is kept: a sample of the traces, all that failed or were slow, and no more than a tenant may have.

import { afterEach, expect, test } from "vitest";
import type { Span } from "../../../actors/trace/span.ts";
import { type StoredTrace, storedTraceLimits } from "../../../actors/trace/stored-trace.ts";
import {
  createTraceKeeper,
  type TraceKeeper,
  type TraceSettings,
} from "../../../adapters/telemetry/trace-keeper.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
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
let busy = 0;
let runs: Map<string, Partial<RunRow>>;
let told: string[];
let logOf: (row: RunRow) => readonly unknown[];
afterEach(() => keeper.stop());

function keep(settings: Partial<TraceSettings> = {}, limits: object = {}): void {
  [rows, counters, runs, told] = [new Map(), {}, new Map(), []];
  nowMs = NOW_MS;
  busy = 0;
  logOf = (row) => [{ type: "end", run: row.id, outcome: { status: "completed" } }];
  const tables = {
    get: async (_: string, table: string, id: string) => rows.get(`${table}/${id}`),
    counter: async (_: string, name: string) => counters[name] ?? 0,
    list: async (_: string, table: string, { limit }: { limit: number }) =>
      [...rows]
        .filter(([key]) => key.startsWith(`${table}/`))
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .slice(0, limit)
        .map(([key, value]) => ({ id: key.split("/")[1], value }) as TableRow),
    write: async (tenant: string, writes: readonly TableWrite[]) => {
      if (tenant === "tn_gone") throw new RuntimeError("TENANT_SUSPENDED", "It is being removed.");
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
    log: async (row: RunRow) => ({ entries: logOf(row), next: null }),
  } as unknown as Pick<System, "run" | "log" | "tables">;
  const log = { write: (_: unknown, message: string) => void told.push(message) };
  keeper = createTraceKeeper({
    ...{ settings: { ...all, ...settings }, system, log, nowMs: () => nowMs, busy: () => busy },
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

  expect(told).toEqual(["Traces of runs were not kept."]);
});

test("of a trace that is not sampled all runs are kept when one of them failed, whichever ends first", async () => {
  keep({ samplePercent: 0 });
  const trace = (at: number) => `00-${String(at).padStart(32, "a1")}-b7ad6b7169203331-01`;
  const failed = run(2, { trace: trace(1), status: "failed" });

  await ended(run(1, { trace: trace(1) }), run(4, { trace: trace(2) }));
  const traces = await ended(failed, run(3, { trace: trace(1) }));

  await expect.poll(() => kept_().length).toBe(3);
  expect(traces.map(({ id }) => id)).not.toContain(idOf(4));
  expect(keeper.figures()).toEqual({ kept: 3, notSampled: 1, leftOut: 0 });
});

test("a run that is told twice is kept once, and a tenant that takes none holds up no other", async () => {
  keep();
  const [one, two] = [run(1), run(2)];
  const of = (tenant: string, id: string) => ({ tenant, run: id });
  const all = [of("tn_gone", run(3)), of("tn_1", one), of("tn_1", one), of("tn_1", two)];
  keeper.take({ runs: all, dropped: 0 });
  await expect.poll(() => keeper.figures().kept).toBe(2);
  await ended(run(4));
  keeper.take({ runs: [of("tn_1", one)], dropped: 0 });
  await ended(run(5));

  expect(counters["traces"]).toBe(4);
  expect(kept_()).toHaveLength(4);
  expect(keeper.figures()).toEqual({ kept: 4, notSampled: 0, leftOut: 1 });
});

test("of 10,000 steps as many spans are kept as may be, the failure that it ended with and all above it", async () => {
  keep({ bytesMax: 1e7 });
  const error = { code: "DEADLINE", message: "Too late." };
  const step = (type: string, more: object, at: number) => ({
    ...{ type, run: idOf(1), key: `work:${at}`, afterMs: at, tookMs: 1, ...more },
  });
  logOf = () => [
    ...Array.from({ length: 9_999 }, (_, at) => step("step", { result: null }, at + 1)),
    {
      ...{ type: "child", run: "rn_x.1", parent: idOf(1), key: "last" },
      afterMs: 10_000,
      kind: "team",
    },
    step("failed", { run: "rn_x.1", error }, 10_001),
  ];
  const endedAt = nowMs + 10_001;

  const [trace] = await ended(run(1, { startedAt: nowMs, endedAt, status: "failed" }));

  const { spans } = rows.get(`trace-spans/${idOf(1)}`) as { readonly spans: readonly Span[] };
  expect(trace).toMatchObject({ isCut: true, errors: 1, spans: storedTraceLimits.spans });
  expect(spans).toHaveLength(storedTraceLimits.spans);
  expect(JSON.stringify(spans).length).toBeLessThanOrEqual(storedTraceLimits.bytes);
  const ids = new Set(spans.map(({ spanId }) => spanId));
  expect(spans.filter(({ parentId }) => parentId !== null && !ids.has(parentId))).toEqual([]);
  expect(spans.at(-1)?.attributes["error.type"]).toBe("DEADLINE");
});

test("neither what a tool says of its failure nor a name that a model made up is kept", async () => {
  keep();
  const key = "tool-call:1.1";
  const called = { id: "c1", name: `Secret? ${"x".repeat(9_000)}`, arguments: "Secret?" };
  const result = { error: { code: "NOT_FOUND", message: "There is no tool Secret?" } };
  logOf = ({ id: run }) => [
    { ...{ type: "event", run, key, event: { type: "tool_call", ...called } }, afterMs: 1 },
    { ...{ type: "event", run, key: "tool-result:1.1", event: { result } }, afterMs: 2 },
  ];

  await ended(run(1));

  const { spans } = rows.get(`trace-spans/${idOf(1)}`) as { readonly spans: readonly Span[] };
  const named = { name: "execute_tool unknown", error: null };
  expect(spans[1]).toMatchObject({ ...named, attributes: { "error.type": "NOT_FOUND" } });
  expect(JSON.stringify([...rows])).not.toContain("Secret?");
});

test("what is told of an end decides before anything is read, and a busy thread reads what failed first", async () => {
  keep({ samplePercent: 0 });
  const of = (at: number, status: "completed" | "failed", tookMs = 5) => ({
    ...{ tenant: "tn_1", run: idOf(at), end: { status, tookMs } },
  });
  keeper.take({ runs: [of(1, "completed")], dropped: 0 });
  expect(keeper.figures()).toEqual({ kept: 0, notSampled: 1, leftOut: 0 });

  keep({}, { atOnce: 40, atOnceBusy: 2, everyMs: 5 });
  busy = 1;
  const all = Array.from({ length: 30 }, (_, at) => of(at + 1, at < 20 ? "completed" : "failed"));
  for (const { run: id, end } of all) run(Number(id.slice(3, 13)), { status: end.status });
  keeper.take({ runs: [...all, of(99, "completed", 10_000)], dropped: 0 });
  await expect.poll(() => keeper.figures().kept).toBeGreaterThan(0);

  const first = kept_().map(({ status }) => status);
  expect(first.slice(0, 10)).toEqual(Array(10).fill("failed"));
  expect(first.length).toBeLessThan(30);
  busy = 0;
  await expect.poll(() => keeper.figures()).toEqual({ kept: 30, notSampled: 0, leftOut: 1 });
});
