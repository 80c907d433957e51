// Keeps traces of runs that have ended: told of them by engines, it reads their logs when there is time for it, takes
// a sample and all that failed or were slow, and keeps what a tenant may have. Runs never wait for it: what comes
// faster than it can be read is counted and left out.

import { spansOfRun } from "../../actors/trace/run-spans.ts";
import { type StoredTrace, traceCounters, traceTables } from "../../actors/trace/stored-trace.ts";
import { isSampled, traceOfRun } from "../../actors/trace/trace-context.ts";
import { toErrorData, toldOfRun } from "../../runtime/errors.ts";
import type { Log } from "../../runtime/log.ts";
import type { RunRow, System, TableWrite } from "../../runtime/system.ts";
import { firstOfLog } from "../http/services/run-log.ts";
import { originOf } from "../http/services/run-origin.ts";
import type { EndedBatch, EndedRun } from "./ended-runs.ts";
import { removalOf, rowsOf } from "./trace-rows.ts";
import { TraceSiblings } from "./trace-siblings.ts";

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
  /** Beyond so many the rest waits for the next stretch: nobody waits long behind them at the storage. */
  batchBytes: 1_048_576,
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

/** Writes of a tenant's runs, by run. */
type Batch = Map<string, readonly TableWrite[]>;

interface Waiting extends EndedRun {
  readonly fromMs: number;
  readonly reads: number;
}

class Keeper implements TraceKeeper {
  readonly #options: TraceKeeperOptions;
  readonly #limits: Limits;
  readonly #nowMs: () => number;
  readonly #queue: Waiting[] = [];
  readonly #siblings = new TraceSiblings();
  #kept = 0;
  #notSampled = 0;
  #leftOut = 0;
  #why = "POOL_FULL";
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
    if (dropped > 0) this.#leaveOut(dropped, "POOL_FULL");
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
    else this.#leaveOut(1, "POOL_FULL");
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
    const { atOnce, batchBytes } = this.#limits;
    const batches = new Map<string, Batch>();
    let bytes = 0;
    for (let read = 0; read < atOnce && bytes < batchBytes && !this.#isStopped; read += 1) {
      const next = this.#queue[0];
      if (next === undefined || next.fromMs > this.#nowMs()) break;
      this.#queue.shift();
      const { tenant, run } = next;
      const batch = batches.get(tenant) ?? new Map();
      batches.set(tenant, batch);
      if (batch.has(run)) continue;
      const made = await this.#read(next).catch((error: unknown) => toErrorData(error).code);
      if (typeof made === "string") this.#leaveOut(1, made);
      else if (made !== null) {
        batch.set(run, made.writes);
        bytes += made.bytes;
      }
    }
    for (const [tenant, batch] of batches) {
      if (batch.size === 0) continue;
      await this.#write(tenant, batch).catch((error: unknown) => {
        // Of a tenant that is being removed nothing is kept; others are not held up by it.
        this.#leaveOut(batch.size, toErrorData(error).code);
      });
    }
    this.#tell();
  }

  /** What is kept of a run; null where nothing is, or it is read again; a text says why it is left out. */
  async #read({ tenant, run, reads }: Waiting): Promise<ReturnType<typeof rowsOf> | string | null> {
    const { system, settings } = this.#options;
    const row = await system.run(tenant, run);
    if (row === undefined) return "NOT_FOUND";
    if (row.endedAt === null) {
      const { settleMs, readsMax } = this.#limits;
      if (reads + 1 >= readsMax) return "DEADLINE";
      this.#put({ tenant, run, reads: reads + 1, fromMs: this.#nowMs() + settleMs });
      return null;
    }
    const isSlow = row.endedAt - row.startedAt >= settings.slowMs;
    if (!this.#isKept(tenant, row, isSlow || row.status !== "completed")) {
      this.#notSampled += 1;
      return null;
    }
    // An engine tells of an end again when its commit was refused and repaired.
    if ((await system.tables.get(tenant, traceTables.traces, run)) !== undefined) return null;
    const { entries, isCut } = await firstOfLog(system, row);
    const origin = await originOf(system, tenant, row);
    const spans = spansOfRun(row, entries, { tenant, content: false, told: toldOfRun, origin });
    return rowsOf({ tenant, row, spans, isCut });
  }

  #isKept(tenant: string, { id: run, trace }: RunRow, isTelling: boolean): boolean {
    const { traceId } = traceOfRun(tenant, run, trace);
    if (isSampled(traceId, this.#options.settings.samplePercent)) return true;
    // A trace of its own has no other run.
    if (trace === undefined) return isTelling;
    const place = `${tenant}/${traceId}`;
    if (!isTelling && !this.#siblings.isWanted(place)) {
      this.#siblings.pass(place, { tenant, run });
      return false;
    }
    for (const passed of this.#siblings.want(place)) {
      this.#notSampled -= 1;
      this.#put({ ...passed, fromMs: this.#nowMs(), reads: 0 });
    }
    return true;
  }

  #leaveOut(runs: number, why: string): void {
    this.#leftOut += runs;
    this.#why = why;
  }

  async #write(tenant: string, batch: Batch): Promise<void> {
    const writes = [...batch.values()].flat();
    const { counters } = await this.#options.system.tables.write(tenant, writes, "committed");
    this.#kept += batch.size;
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
    this.#options.log.write("warn", "Traces of runs were not kept.", {
      ...{ runs: more, why: this.#why },
    });
    this.#told = this.#leftOut;
    this.#toldAtMs = this.#nowMs();
  }
}
