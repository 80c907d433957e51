// Keeps traces of runs that have ended: told of them by engines, it reads their logs when there is time for it, takes
// a sample and all that failed or were slow, and keeps what a tenant may have. Runs never wait for it: what comes
// faster than it can be read is counted and left out.

import { type StoredTrace, traceCounters, traceTables } from "../../actors/trace/stored-trace.ts";
import { isSampled, traceOfRun } from "../../actors/trace/trace-context.ts";
import { toErrorData, toldOfRun } from "../../runtime/errors.ts";
import type { Log } from "../../runtime/log.ts";
import type { RunEnd } from "../../runtime/runs/run-end.ts";
import type { RunRow, System, TableWrite } from "../../runtime/system.ts";
import { readSpans } from "../http/services/run-spans.ts";
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
  /** Runs that wait to be read, and as many that failed or were slow. */
  queueMax: 5_000,
  /** An end is told before it is committed, and read after so long, ms; so often again. */
  settleMs: 1_000,
  readsMax: 5,
  /** So many runs are read in each stretch of so long, ms: they share a commit and its flush. */
  everyMs: 1_000,
  atOnce: 200,
  /** At least so many, however much else the thread has to do. */
  atOnceBusy: 5,
  /** Beyond so many the rest waits for the next stretch: nobody waits long behind them at the storage. */
  batchBytes: 2_097_152,
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
  /** How busy the thread was since the last call, 0 to 1. */
  readonly busy?: () => number;
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

/** How busy this thread is. */
function loopUse(): () => number {
  let last = performance.eventLoopUtilization();
  return () => {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, last);
    last = now;
    return utilization;
  };
}

/** Of a run what says which trace it is of. */
type TraceOf = Pick<RunRow, "id"> & { readonly trace?: string | undefined };

/** Writes of a tenant's runs, by run. */
type Batch = Map<string, readonly TableWrite[]>;

interface Waiting extends EndedRun {
  readonly fromMs: number;
  readonly reads: number;
  /** It is known that it is kept. */
  readonly isChosen: boolean;
}

class Keeper implements TraceKeeper {
  readonly #options: TraceKeeperOptions;
  readonly #limits: Limits;
  readonly #nowMs: () => number;
  readonly #queue: Waiting[] = [];
  /** Those that failed or were slow: read first, and however busy the thread is. */
  readonly #first: Waiting[] = [];
  readonly #busy: () => number;
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
    this.#busy = options.busy ?? loopUse();
  }

  take({ runs, dropped }: EndedBatch): void {
    if (dropped > 0) this.#leaveOut(dropped, "POOL_FULL");
    const fromMs = this.#nowMs() + this.#limits.settleMs;
    for (const { tenant, run, end } of runs) {
      const one = { tenant, run, fromMs, reads: 0, isChosen: end !== undefined };
      if (end === undefined) this.#put(this.#queue, one);
      else this.#choose(one, { id: run, trace: end.trace }, this.#isTelling(end));
    }
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

  #put(queue: Waiting[], one: Waiting): void {
    if (queue.length < this.#limits.queueMax) queue.push(one);
    else this.#leaveOut(1, "POOL_FULL");
  }

  /** Of an end that was told in full nothing has to be read to know whether it is wanted. */
  #choose(one: Waiting, of: TraceOf, isTelling: boolean): void {
    if (this.#isKept(one.tenant, of, isTelling))
      this.#put(isTelling ? this.#first : this.#queue, one);
    else this.#notSampled += 1;
  }

  #isTelling({ status, tookMs }: Pick<RunEnd, "tookMs"> & { readonly status: string }): boolean {
    return status !== "completed" || tookMs >= this.#options.settings.slowMs;
  }

  #wake(): void {
    if (this.#timer !== undefined || this.#isStopped) return;
    if (this.#queue.length + this.#first.length === 0) return;
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
    const { atOnce, atOnceBusy, batchBytes } = this.#limits;
    const free = 1 - this.#busy();
    const most = Math.max(atOnceBusy, Math.floor(atOnce * free * free));
    const batches = new Map<string, Batch>();
    let bytes = 0;
    for (let read = 0; read < atOnce && bytes < batchBytes && !this.#isStopped; read += 1) {
      const next = this.#due(this.#first) ?? (read < most ? this.#due(this.#queue) : undefined);
      if (next === undefined) break;
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

  #due(queue: Waiting[]): Waiting | undefined {
    const [next] = queue;
    return next === undefined || next.fromMs > this.#nowMs() ? undefined : queue.shift();
  }

  /** What is kept of a run; null where nothing is, or it is read again; a text says why it is left out. */
  async #read(waiting: Waiting): Promise<ReturnType<typeof rowsOf> | string | null> {
    const { system } = this.#options;
    const { tenant, run, reads } = waiting;
    const row = await system.run(tenant, run);
    if (row === undefined) return "NOT_FOUND";
    if (row.endedAt === null) {
      const { settleMs, readsMax } = this.#limits;
      if (reads + 1 >= readsMax) return "DEADLINE";
      this.#put(this.#queue, { ...waiting, reads: reads + 1, fromMs: this.#nowMs() + settleMs });
      return null;
    }
    const { status } = row;
    const tookMs = row.endedAt - row.startedAt;
    if (!waiting.isChosen && !this.#isKept(tenant, row, this.#isTelling({ status, tookMs }))) {
      this.#notSampled += 1;
      return null;
    }
    // An engine tells of an end again when its commit was refused and repaired.
    if ((await system.tables.get(tenant, traceTables.traces, run)) !== undefined) return null;
    const options = { tenant, content: false, told: toldOfRun };
    return rowsOf({ tenant, row, ...(await readSpans(system, row, options)) });
  }

  #isKept(tenant: string, { id: run, trace }: TraceOf, isTelling: boolean): boolean {
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
      const fromMs = this.#nowMs() + this.#limits.settleMs;
      this.#put(this.#first, { ...passed, fromMs, reads: 0, isChosen: true });
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
