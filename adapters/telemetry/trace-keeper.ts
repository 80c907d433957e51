// Keeps traces of runs that have ended: told of them by engines, it reads their logs when there is time for it, takes
// a sample and all that failed or were slow, and keeps what a tenant may have. Runs never wait for it: what comes
// faster than it can be read is counted and left out.

import { spansOfRun } from "../../actors/trace/run-spans.ts";
import type { Span } from "../../actors/trace/span.ts";
import {
  type StoredTrace,
  storedTraceLimits,
  traceCounters,
  traceTables,
} from "../../actors/trace/stored-trace.ts";
import { isSampled, traceOfRun } from "../../actors/trace/trace-context.ts";
import { type ErrorData, toldOfRun } from "../../runtime/errors.ts";
import type { Log } from "../../runtime/log.ts";
import type { RunRow, System, TableWrite } from "../../runtime/system.ts";
import { wholeLog } from "../http/services/run-log.ts";
import type { EndedBatch, EndedRun } from "./ended-runs.ts";

/** Settings of the store. */
export interface TraceSettings {
  /** Of the traces so many are kept, 0 to 100; those that failed or were slow always. */
  readonly samplePercent: number;
  /** From here on a run is slow, ms. */
  readonly slowMs: number;
  /** Of a tenant: how long, how many runs, and how much. 0 runs: none is kept. */
  readonly keepDays: number;
  readonly runsMax: number;
  readonly bytesMax: number;
}

/** Limits of the work. */
export const traceKeeperLimits = {
  /** Runs that wait to be read. */
  queueMax: 5_000,
  /** An end is told before it is committed, and read after so long, ms; so often again. */
  settleMs: 1_000,
  readsMax: 5,
  /** So many runs are read in each stretch of so long, ms. */
  everyMs: 250,
  atOnce: 50,
  /** Rows that are removed at once. */
  trimAtOnce: 100,
  /** Rows beyond a limit that go with those that are: the next ones find room. */
  trimShare: 0.05,
  /** How often it is told that some were left out, ms. */
  tellMs: 60_000,
} as const;

type Limits = { readonly [Name in keyof typeof traceKeeperLimits]: number };

const DAY_MS = 86_400_000;

/** What it works with. */
export interface TraceKeeperOptions {
  readonly settings: TraceSettings;
  readonly system: Pick<System, "run" | "log" | "tables">;
  readonly log: Log;
  readonly nowMs?: () => number;
  readonly limits?: Partial<Limits>;
}

/** What it has done since the start, in runs. */
export interface TraceFigures {
  readonly kept: number;
  readonly notSampled: number;
  /** Told faster than they could be read, or unreadable. */
  readonly leftOut: number;
}

/** A keeper that works. */
export interface TraceKeeper {
  take(batch: EndedBatch): void;
  /** Removes what a tenant has beyond its limits. */
  trim(tenant: string): Promise<void>;
  figures(): TraceFigures;
  /** Resolves when nothing is under way. */
  stop(): Promise<void>;
}

/** Starts it. */
export function createTraceKeeper(options: TraceKeeperOptions): TraceKeeper {
  return new Keeper(options);
}

interface Waiting extends EndedRun {
  readonly fromMs: number;
  readonly reads: number;
}

class Keeper implements TraceKeeper {
  readonly #options: TraceKeeperOptions;
  readonly #limits: Limits;
  readonly #nowMs: () => number;
  readonly #queue: Waiting[] = [];
  #kept = 0;
  #notSampled = 0;
  #leftOut = 0;
  #told = 0;
  #toldAtMs = 0;
  #timer: NodeJS.Timeout | undefined;
  #working: Promise<void> | null = null;
  #isStopped = false;

  constructor(options: TraceKeeperOptions) {
    this.#options = options;
    this.#limits = { ...traceKeeperLimits, ...options.limits };
    this.#nowMs = options.nowMs ?? Date.now;
  }

  take({ runs, dropped }: EndedBatch): void {
    this.#leftOut += dropped;
    const fromMs = this.#nowMs() + this.#limits.settleMs;
    for (const { tenant, run } of runs) this.#put({ tenant, run, fromMs, reads: 0 });
    this.#wake();
  }

  figures(): TraceFigures {
    return { kept: this.#kept, notSampled: this.#notSampled, leftOut: this.#leftOut };
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    await this.#working;
  }

  #put(one: Waiting): void {
    if (this.#queue.length < this.#limits.queueMax) this.#queue.push(one);
    else this.#leftOut += 1;
  }

  #wake(): void {
    if (this.#timer !== undefined || this.#isStopped || this.#queue.length === 0) return;
    this.#timer = setTimeout(() => {
      this.#working = this.#work()
        .catch((error: unknown) => {
          this.#options.log.write("error", "Traces could not be kept.", { err: error });
        })
        .finally(() => {
          this.#timer = undefined;
          this.#wake();
        });
    }, this.#limits.everyMs);
    this.#timer.unref();
  }

  async #work(): Promise<void> {
    const { atOnce } = this.#limits;
    const writes = new Map<string, TableWrite[]>();
    for (let read = 0; read < atOnce && !this.#isStopped; read += 1) {
      const next = this.#queue[0];
      if (next === undefined || next.fromMs > this.#nowMs()) break;
      this.#queue.shift();
      const made = await this.#read(next).catch(() => null);
      if (made === null) this.#leftOut += 1;
      else if (made.length > 0) {
        const { tenant } = next;
        writes.set(tenant, [...(writes.get(tenant) ?? []), ...made]);
      }
    }
    for (const [tenant, all] of writes) await this.#write(tenant, all);
    this.#tell();
  }

  /** What is to be written of a run; none where it is not sampled, or is read again. @throws what it cannot read. */
  async #read({ tenant, run, reads }: Waiting): Promise<readonly TableWrite[] | null> {
    const { system, settings } = this.#options;
    const row = await system.run(tenant, run);
    if (row === undefined) return null;
    if (row.endedAt === null) {
      const { settleMs, readsMax } = this.#limits;
      if (reads + 1 >= readsMax) return null;
      this.#put({ tenant, run, reads: reads + 1, fromMs: this.#nowMs() + settleMs });
      return [];
    }
    const { traceId } = traceOfRun(tenant, row.id, row.trace);
    const isKept =
      row.status !== "completed" ||
      row.endedAt - row.startedAt >= settings.slowMs ||
      isSampled(traceId, settings.samplePercent);
    if (!isKept) {
      this.#notSampled += 1;
      return [];
    }
    const log = await wholeLog(system, row);
    const spans = spansOfRun(row, log, { tenant, content: false, told: toldOfRun });
    return writesOf(tenant, row, spans);
  }

  async #write(tenant: string, writes: readonly TableWrite[]): Promise<void> {
    const { counters } = await this.#options.system.tables.write(tenant, writes, "committed");
    this.#kept += writes.filter(
      (one) => one.type === "put" && one.table === traceTables.traces,
    ).length;
    const { runsMax, bytesMax } = this.#options.settings;
    const { [traceCounters.count]: count = 0, [traceCounters.bytes]: bytes = 0 } = counters;
    if (count > runsMax || bytes > bytesMax) await this.trim(tenant);
  }

  async trim(tenant: string): Promise<void> {
    const { system, settings } = this.#options;
    const { tables } = system;
    let count = await tables.counter(tenant, traceCounters.count);
    let bytes = await tables.counter(tenant, traceCounters.bytes);
    const { trimAtOnce, trimShare } = this.#limits;
    const isFull = count > settings.runsMax || bytes > settings.bytesMax;
    const share = isFull ? 1 - trimShare : 1;
    const oldestMs = this.#nowMs() - settings.keepDays * DAY_MS;
    while (!this.#isStopped) {
      const rows = await tables.list(tenant, traceTables.traces, { limit: trimAtOnce });
      const gone: StoredTrace[] = [];
      for (const { value } of rows) {
        const one = value as unknown as StoredTrace;
        const isBeyond = count > settings.runsMax * share || bytes > settings.bytesMax * share;
        if (!isBeyond && one.startedAt >= oldestMs) break;
        gone.push(one);
        count -= 1;
        bytes -= one.bytes;
      }
      if (gone.length === 0) return;
      await tables.write(tenant, gone.flatMap(removalOf), "committed");
    }
  }

  #tell(): void {
    const more = this.#leftOut - this.#told;
    if (more === 0 || this.#nowMs() - this.#toldAtMs < this.#limits.tellMs) return;
    this.#options.log.write("warn", "Traces of runs were not kept: there were too many at once.", {
      runs: more,
    });
    this.#told = this.#leftOut;
    this.#toldAtMs = this.#nowMs();
  }
}

function writesOf(tenant: string, row: RunRow, all: readonly Span[]): readonly TableWrite[] {
  const { spans: spansMax, bytes: bytesMax, names, errorChars } = storedTraceLimits;
  let spans = all.slice(0, spansMax);
  let text = JSON.stringify(spans);
  while (text.length > bytesMax) {
    spans = spans.slice(0, Math.floor(spans.length / 2));
    text = JSON.stringify(spans);
  }
  const { traceId, parentId } = traceOfRun(tenant, row.id, row.trace);
  const input = ownersIn(row.input);
  const error = (row.outcome as { readonly error?: ErrorData } | null)?.error;
  const told = error === undefined ? null : toldOfRun(error, row.id);
  const trace: StoredTrace = {
    ...{ id: row.id, traceId, parentId, kind: row.kind, input, agent: input["agent"] ?? null },
    ...{ status: row.status, startedAt: row.startedAt, endedAt: row.endedAt ?? row.startedAt },
    error: told === null ? null : `${told.code}: ${told.message}`.slice(0, errorChars),
    ...{ spans: spans.length, isCut: spans.length < all.length, bytes: text.length },
    names: [...new Set(all.map(({ name }) => name))].slice(0, names),
  };
  const { traces, spans: spansTable, runs } = traceTables;
  return [
    { type: "put", table: traces, id: row.id, value: { ...trace } },
    { type: "put", table: spansTable, id: row.id, value: { spans: JSON.parse(text) } },
    { type: "put", table: runs, id: `${traceId}.${row.id}`, value: {} },
    { type: "add", counter: traceCounters.count, delta: 1 },
    { type: "add", counter: traceCounters.bytes, delta: trace.bytes },
  ];
}

function removalOf({ id, traceId, bytes }: StoredTrace): readonly TableWrite[] {
  return [
    { type: "remove", table: traceTables.traces, id },
    { type: "remove", table: traceTables.spans, id },
    { type: "remove", table: traceTables.runs, id: `${traceId}.${id}` },
    { type: "add", counter: traceCounters.count, delta: -1 },
    { type: "add", counter: traceCounters.bytes, delta: -bytes },
  ];
}

/** Of an input what says whose a run is. */
function ownersIn(input: unknown): Readonly<Record<string, string>> {
  const fields = (input ?? {}) as Readonly<Record<string, unknown>>;
  const names = ["agent", "user", "collection", "evaluation"];
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = fields[name];
      return typeof value === "string" ? [[name, value]] : [];
    }),
  );
}
