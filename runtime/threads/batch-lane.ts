// A task whose inputs are run several at a time, gathered from all callers: a model embeds eight
// texts in less time than eight times one. It has threads of its own, because each keeps a model in
// memory, and takes what waits in fair order, so that a tenant's million texts do not hold up
// another's one question. A thread is never ended while it runs: native code that comes back to a
// thread that has gone takes the whole process with it (measured with onnxruntime-node 1.30).

import { setTimeout as pause } from "node:timers/promises";
import type { Piscina } from "piscina";
import { fromErrorData, RuntimeError, toErrorData } from "../errors.ts";
import { FairQueue, type Place } from "../shared/fair-queue.ts";
import type { WeightOf } from "../shared/tenant-weights.ts";
import type { BatchLimits, ComputeOptions } from "./compute-port.ts";
import type { ComputeJob, ComputeResult } from "./compute-task.ts";

interface Item {
  readonly input: unknown;
  settle(result: ComputeResult): void;
}

/** A batch's function takes the inputs and returns as many of these, in order. */
export type BatchResults = readonly ComputeResult[];

/** One batched task. */
export class BatchLane {
  readonly #of: { readonly url: string; readonly name: string };
  readonly #limits: BatchLimits;
  readonly #start: (limits: BatchLimits) => Promise<Piscina>;
  readonly #waiting: FairQueue<Item>;
  #pool: Promise<Piscina> | undefined;
  #threads: Piscina | undefined;
  readonly #batches = new Set<Promise<void>>();
  #isClosed = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(
    of: { readonly url: string; readonly name: string },
    limits: BatchLimits,
    start: (limits: BatchLimits) => Promise<Piscina>,
    weightOf?: WeightOf,
  ) {
    this.#of = of;
    this.#limits = limits;
    this.#start = start;
    const max = limits.waitingMax;
    this.#waiting = new FairQueue({ max, tenantMax: Math.ceil(max / 2), weightOf });
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  get threads(): number {
    return this.#threads?.threads.length ?? 0;
  }

  /** As `Compute.run`. An input that is being computed when its caller leaves is computed for nobody. */
  run(input: unknown, options: ComputeOptions): Promise<unknown> {
    const { tenant, key = "", signal, timeoutMs } = options;
    if (signal?.aborted) return Promise.reject(cancelled());
    if (this.#isClosed) return Promise.reject(closed());
    return new Promise((resolve, reject) => {
      let place: Place<Item> | null = null;
      const leave = (error: RuntimeError): void => {
        if (place !== null) this.#waiting.remove(place);
        over();
        reject(error);
      };
      const onAbort = (): void => leave(cancelled());
      const timer = setTimeout(() => {
        leave(new RuntimeError("DEADLINE", `The task took longer than ${timeoutMs} ms.`));
      }, timeoutMs);
      const over = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", onAbort);
      };
      const settle = (result: ComputeResult): void => {
        over();
        if (result.ok) resolve(result.value);
        else reject(fromErrorData(result.error));
      };
      signal?.addEventListener("abort", onAbort);
      place = this.#waiting.push(tenant, key, { input, settle });
      if (place === null) leave(this.#full());
      else this.#takeTurns(false);
    });
  }

  /** What waits is refused; what runs is waited for, for a while. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    for (let item = this.#waiting.shift(); item !== undefined; item = this.#waiting.shift()) {
      item.settle({ ok: false, error: toErrorData(closed()) });
    }
    const late = new AbortController();
    await Promise.race([
      Promise.all(this.#batches),
      pause(CLOSE_MS, undefined, { signal: late.signal }).catch(() => {}),
    ]);
    late.abort();
    await (await this.#pool)?.destroy();
  }

  /** @param isLate whether what waits has waited long enough. */
  #takeTurns(isLate: boolean): void {
    const { threads, itemsMax, waitMs } = this.#limits;
    while (this.#batches.size < threads && this.#waiting.size > 0) {
      if (!isLate && this.#waiting.size < itemsMax) {
        this.#timer ??= setTimeout(() => {
          this.#timer = undefined;
          this.#takeTurns(true);
        }, waitMs);
        return;
      }
      const items: Item[] = [];
      for (let item = this.#waiting.shift(); item !== undefined; item = this.#waiting.shift()) {
        items.push(item);
        if (items.length === itemsMax) break;
      }
      const batch = this.#runBatch(items).finally(() => {
        this.#batches.delete(batch);
        // What came meanwhile has waited for as long as the batch ran.
        this.#takeTurns(true);
      });
      this.#batches.add(batch);
    }
  }

  async #runBatch(items: readonly Item[]): Promise<void> {
    const { batchMs } = this.#limits;
    const job: ComputeJob = { ...this.#of, input: items.map(({ input }) => input) };
    const settleAll = (result: ComputeResult): void => {
      for (const item of items) item.settle(result);
    };
    const late = setTimeout(() => {
      const message = `A batch took longer than ${batchMs} ms.`;
      settleAll({ ok: false, error: { code: "DEADLINE", message } });
    }, batchMs);
    try {
      this.#pool ??= this.#start(this.#limits);
      this.#threads = await this.#pool;
      const result: ComputeResult = await this.#threads.run(job, { name: "runJob" });
      const results = result.ok ? (result.value as BatchResults) : [];
      for (const [at, item] of items.entries()) {
        item.settle(result.ok ? (results[at] ?? noResult) : result);
      }
    } catch (cause) {
      const said = cause instanceof Error ? cause.message : String(cause);
      const message = `A compute thread died (${said}).`;
      settleAll({ ok: false, error: { code: "WORKER_LOST", message } });
    } finally {
      clearTimeout(late);
    }
  }

  #full(): RuntimeError {
    const { waitingMax } = this.#limits;
    const text = `Of inputs of ${this.#of.name}, ${this.waiting} are waiting; the limit is ${waitingMax}, half of it for one tenant.`;
    return new RuntimeError("POOL_FULL", text, { retryAfterMs: RETRY_AFTER_MS });
  }
}

const RETRY_AFTER_MS = 1_000;
/** How long a close waits for what runs. */
const CLOSE_MS = 5_000;

const noResult: ComputeResult = {
  ok: false,
  error: { code: "INTERNAL", message: "The task gave no result for this input." },
};

function closed(): RuntimeError {
  return new RuntimeError("SHUTTING_DOWN", "The compute pool is closed.");
}

function cancelled(): RuntimeError {
  return new RuntimeError("CANCELLED", "The task was cancelled.");
}
