// How late the event loop of this thread comes to a timer that was due: what everybody on the thread
// waits beside their own work. Measured by Node itself, outside JavaScript.

import { monitorEventLoopDelay } from "node:perf_hooks";

/** Between two looks; a loop that is not held up comes to each at once. */
const RESOLUTION_MS = 20;
/** Quantiles are of the last whole window. */
const WINDOW_MS = 10_000;
const NS_A_MS = 1e6;

/** Lag of one event loop, in ms: quantiles of the last window, count and sum since the start. */
export interface LagFigures {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  readonly count: number;
  readonly sumMs: number;
}

/** Measures the thread it is made on. */
export class LoopLag {
  readonly #monitor = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  readonly #timer: NodeJS.Timeout;
  #before: LagFigures = { p50Ms: 0, p99Ms: 0, maxMs: 0, count: 0, sumMs: 0 };
  #isFirst = true;

  constructor() {
    this.#monitor.enable();
    this.#timer = setInterval(() => this.#turn(), WINDOW_MS);
    this.#timer.unref();
  }

  /** The last whole window, or the first one as far as it has come. */
  figures(): LagFigures {
    return this.#isFirst ? this.#now() : this.#before;
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#monitor.disable();
  }

  #turn(): void {
    this.#before = this.#now();
    this.#isFirst = false;
    this.#monitor.reset();
  }

  #now(): LagFigures {
    const { count } = this.#monitor;
    const late = (ns: number): number => Math.max(0, ns / NS_A_MS - RESOLUTION_MS);
    if (count === 0) return this.#before;
    return {
      p50Ms: late(this.#monitor.percentile(50)),
      p99Ms: late(this.#monitor.percentile(99)),
      maxMs: late(this.#monitor.max),
      count: this.#before.count + count,
      sumMs: this.#before.sumMs + late(this.#monitor.mean) * count,
    };
  }
}
