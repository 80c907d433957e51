// The pool for stateless CPU work that must not hold up main or a worker: parsing, splitting,
// embedding. One pool for the process, on main; workers reach it over their side port. No thread
// exists before the first task, tasks wait in fair order, and a full queue is an error the caller sees.

import type { Piscina } from "piscina";
import { type ErrorData, fromErrorData, RuntimeError, toErrorData } from "../errors.ts";
import { ChurnMap } from "../shared/churn-map.ts";
import type { WeightOf } from "../shared/tenant-weights.ts";
import { BatchLane } from "./batch-lane.ts";
import type {
  BatchLimits,
  Compute,
  ComputeOptions,
  ComputePool,
  ComputeTask,
} from "./compute-port.ts";
import { ComputeSlots, LENT_MAX } from "./compute-slots.ts";
import type { ComputeJob, ComputeResult } from "./compute-task.ts";
import { MemoryWatch } from "./memory-watch.ts";

const IDLE_MS = 30_000;

/** What a pool is made of. */
export interface ComputePoolOptions {
  readonly tasks: Readonly<Record<string, ComputeTask>>;
  readonly threads: number;
  readonly queueMax: number;
  readonly heapMib: number;
  /** Shares of a tenant among those that wait. Default: one each. */
  readonly weightOf?: WeightOf;
}

/** Makes the pool; it starts no thread yet. */
export function createComputePool(options: ComputePoolOptions): ComputePool {
  return new PiscinaPool(options);
}

/** Why a task was ended. */
interface Ends {
  readonly caller: AbortSignal | undefined;
  readonly timeout: AbortSignal;
  readonly running?: { readonly timeout: AbortSignal; readonly memory: AbortSignal | undefined };
}

/** Of a task that has a slot. */
interface Entered extends Ends {
  readonly either: AbortSignal;
}

class PiscinaPool implements ComputePool {
  readonly #tasks: ReadonlyMap<string, ComputeTask>;
  readonly #lanes = new Map<string, BatchLane>();
  readonly #threads: number;
  readonly #heapMib: number;
  readonly #slots: ComputeSlots;
  readonly #memory = new MemoryWatch();
  #pool: Promise<Piscina> | undefined;
  #running: Piscina | undefined;
  #done = 0;
  #isClosed = false;

  constructor(options: ComputePoolOptions) {
    const { weightOf } = options;
    this.#tasks = new Map(Object.entries(options.tasks));
    const start = ({ threads, idleMs }: BatchLimits): Promise<Piscina> =>
      startThreads(threads, idleMs, options.heapMib);
    for (const [name, { url, name: of, batch }] of this.#tasks) {
      if (batch !== undefined) {
        this.#lanes.set(name, new BatchLane({ url, name: of }, batch, start, weightOf));
      }
    }
    this.#threads = options.threads;
    this.#heapMib = options.heapMib;
    const { threads: slots, queueMax: waitingMax } = options;
    this.#slots = new ComputeSlots({ slots, waitingMax, weightOf });
  }

  async run(task: string, input: unknown, options: ComputeOptions): Promise<unknown> {
    const found = this.#tasks.get(task);
    if (found === undefined) throw new RuntimeError("INVALID", `There is no task "${task}".`);
    if (this.#isClosed) throw new RuntimeError("SHUTTING_DOWN", "The compute pool is closed.");
    try {
      const lane = this.#lanes.get(task);
      if (lane !== undefined) return await lane.run(input, options);
      return await this.#run({ url: found.url, name: found.name, input }, options);
    } finally {
      this.#done += 1;
    }
  }

  figures(): { threads: number; waiting: number; done: number } {
    let threads = this.#running?.threads.length ?? 0;
    let { waiting } = this.#slots;
    for (const lane of this.#lanes.values()) {
      threads += lane.threads;
      waiting += lane.waiting;
    }
    return { threads, waiting, done: this.#done };
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all([...this.#lanes.values()].map((lane) => lane.close()));
    await (await this.#pool)?.destroy();
  }

  async #run(job: ComputeJob, options: ComputeOptions): Promise<unknown> {
    const { tenant, key = "", signal: caller, timeoutMs } = options;
    const timeout = AbortSignal.timeout(timeoutMs);
    const either = caller === undefined ? timeout : AbortSignal.any([caller, timeout]);
    const leave = await this.#slots.enter(tenant, key, either).catch((cause: unknown) => {
      throw this.#failure(cause, { caller, timeout }, options);
    });
    try {
      const result = await this.#onThread(job, options, { caller, timeout, either });
      if (result.ok) return result.value;
      throw fromErrorData(result.error);
    } finally {
      leave();
    }
  }

  /**
   * A task that was ended because the process grew too much is run once more, alone: what ran beside it
   * may have been what grew.
   */
  async #onThread(job: ComputeJob, options: ComputeOptions, of: Entered): Promise<ComputeResult> {
    try {
      return await this.#attempt(job, options, of, false);
    } catch (cause) {
      if (!isGrowth(cause)) throw cause;
      return await this.#attempt(job, options, of, true);
    }
  }

  async #attempt(
    job: ComputeJob,
    options: ComputeOptions,
    of: Entered,
    isAlone: boolean,
  ): Promise<ComputeResult> {
    const { runMs, timeoutMs, memoryMib: mib } = options;
    const signal = of.either;
    const watching = mib === undefined ? undefined : this.#memory.begin({ mib, isAlone, signal });
    const watched = await watching?.catch((cause: unknown) => {
      throw this.#failure(cause, of, options);
    });
    const own = runMs === undefined ? of.timeout : AbortSignal.timeout(Math.min(runMs, timeoutMs));
    const signals = watched === undefined ? [of.either, own] : [of.either, own, watched.signal];
    try {
      this.#pool ??= this.#start();
      const pool = await this.#pool;
      const running = pool.run(job, { signal: AbortSignal.any(signals), name: "runJob" });
      const { threads } = pool;
      return await running.catch(async (cause: unknown) => {
        if (watched?.signal.aborted) await endedOf(pool, threads);
        throw cause;
      });
    } catch (cause) {
      const running = { timeout: own, memory: watched?.signal };
      throw this.#failure(cause, { ...of, running }, options);
    } finally {
      watched?.end();
    }
  }

  #failure(cause: unknown, of: Ends, options: ComputeOptions): RuntimeError {
    if (cause instanceof RuntimeError) return cause;
    const { timeoutMs, runMs = timeoutMs, memoryMib = this.#heapMib } = options;
    if (of.caller?.aborted) return new RuntimeError("CANCELLED", "The task was cancelled.");
    if (of.running?.memory?.aborted || isOutOfMemory(cause)) {
      const text = `The task needed more than ${memoryMib} MiB of memory.`;
      return new RuntimeError("TASK_MEMORY", text, undefined, { cause });
    }
    if (of.running?.timeout.aborted) {
      const text = `The task took longer than ${runMs} ms.`;
      return new RuntimeError("DEADLINE", text, { phase: "running" });
    }
    if (of.timeout.aborted) {
      const phase = of.running === undefined ? "waiting" : "running";
      return new RuntimeError("DEADLINE", `The task took longer than ${timeoutMs} ms.`, { phase });
    }
    if (this.#isClosed) return new RuntimeError("SHUTTING_DOWN", "The compute pool is closed.");
    return new RuntimeError("INTERNAL", "A compute thread died.", undefined, { cause });
  }

  async #start(): Promise<Piscina> {
    this.#running = await startThreads(this.#threads + LENT_MAX, IDLE_MS, this.#heapMib);
    return this.#running;
  }
}

async function startThreads(threads: number, idleMs: number, heapMib: number): Promise<Piscina> {
  const { Piscina: Pool } = await import("piscina");
  const pool = new Pool({
    filename: new URL("./compute-task.js", import.meta.url).href,
    minThreads: 0,
    maxThreads: threads,
    idleTimeout: idleMs,
    resourceLimits: { maxOldGenerationSizeMb: heapMib },
    // Else a thread sleeps between two tasks with its event loop: what a task left to be done beside
    // it, such as opening the next index files, would never be.
    atomics: "disabled",
    // Who waits does so here, in fair order.
    maxQueue: Number.POSITIVE_INFINITY,
  });
  // A thread that dies between tasks has nobody to tell: the next task starts another one.
  pool.on("error", () => undefined);
  return pool;
}

/** Those of `threads` that are no more of the pool are gone, and their memory is free. */
async function endedOf(pool: Piscina, threads: Piscina["threads"]): Promise<void> {
  const ending = threads.filter((thread) => !pool.threads.includes(thread));
  await Promise.all(ending.map((thread) => thread.terminate()));
}

/** The process grew too much, for which a heap's own limit is no sign. */
function isGrowth(cause: unknown): boolean {
  const isMemory = cause instanceof RuntimeError && cause.code === "TASK_MEMORY";
  return isMemory && !isOutOfMemory(cause.cause);
}

function isOutOfMemory(cause: unknown): boolean {
  return cause instanceof Error && "code" in cause && cause.code === "ERR_WORKER_OUT_OF_MEMORY";
}

/** From a worker to main. */
export type ComputeCall =
  | {
      readonly type: "task";
      readonly id: number;
      readonly task: string;
      readonly input: unknown;
      readonly options: Omit<ComputeOptions, "signal">;
    }
  | { readonly type: "abort"; readonly id: number };

/** From main to a worker. */
export type ComputeAnswer =
  | { readonly type: "task-done"; readonly id: number; readonly value: unknown }
  | { readonly type: "task-failed"; readonly id: number; readonly error: ErrorData };

/** Main's side of one worker's calls. */
export class ComputeServer {
  readonly #compute: Compute;
  readonly #post: (answer: ComputeAnswer) => void;
  readonly #running = new ChurnMap<number, AbortController>();

  constructor(compute: Compute, post: (answer: ComputeAnswer) => void) {
    this.#compute = compute;
    this.#post = post;
  }

  take(call: ComputeCall): void {
    if (call.type === "abort") {
      this.#running.get(call.id)?.abort();
      return;
    }
    const { id, task, input, options } = call;
    const controller = new AbortController();
    this.#running.set(id, controller);
    this.#compute
      .run(task, input, { ...options, signal: controller.signal })
      .then(
        (value) => this.#post({ type: "task-done", id, value }),
        (error: unknown) => this.#post({ type: "task-failed", id, error: toErrorData(error) }),
      )
      .finally(() => this.#running.delete(id));
  }

  /** The worker is gone: nobody waits for its tasks. */
  close(): void {
    for (const controller of this.#running.values()) controller.abort();
  }
}

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: RuntimeError) => void;
}

/** A worker's side. */
export class ComputeClient implements Compute {
  readonly #post: (call: ComputeCall) => void;
  readonly #waiting = new ChurnMap<number, Waiting>();
  #lastId = 0;

  constructor(post: (call: ComputeCall) => void) {
    this.#post = post;
  }

  async run(task: string, input: unknown, options: ComputeOptions): Promise<unknown> {
    const { signal, ...plain } = options;
    if (signal?.aborted) throw new RuntimeError("CANCELLED", "The task was cancelled.");
    this.#lastId += 1;
    const id = this.#lastId;
    const onAbort = (): void => this.#post({ type: "abort", id });
    signal?.addEventListener("abort", onAbort);
    try {
      return await new Promise((resolve, reject) => {
        this.#waiting.set(id, { resolve, reject });
        this.#post({ type: "task", id, task, input, options: plain });
      });
    } finally {
      signal?.removeEventListener("abort", onAbort);
    }
  }

  take(answer: ComputeAnswer): void {
    const waiting = this.#waiting.get(answer.id);
    this.#waiting.delete(answer.id);
    if (answer.type === "task-done") waiting?.resolve(answer.value);
    else waiting?.reject(fromErrorData(answer.error));
  }
}
