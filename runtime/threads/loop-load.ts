// How loaded an event loop is: the share of its time it does not wait for events, and how long it takes
// to come round. All that has become ready is worked off in one pass, and whoever becomes ready
// meanwhile waits for all of it. Node counts both, outside JavaScript.

import { availableParallelism } from "node:os";
import { performance } from "node:perf_hooks";

/** How loaded one is. */
export interface LoopLoad {
  /** Share of its time, 0..1. At 1 whatever is begun only makes everybody wait longer. */
  readonly busy: number;
  /** Time of a pass on average, ms: what whoever becomes ready waits for at each step. */
  readonly passMs: number;
}

/** Time of a loop since its start, ms, as Node's `eventLoopUtilization` gives it. */
interface LoopTime {
  readonly active: number;
  readonly idle: number;
}

/** How loaded a system is: its loops, and the cores that they share with threads that have no loop. */
export interface SystemLoad extends LoopLoad {
  /** Of the loops that turns are run in: the workers on average, or main where there are none. */
  readonly turns: LoopLoad;
  /** Share of the time of all cores, 0..1, that the process used. */
  readonly cpu: number;
}

/** Measures how much of the cores the process uses from call to call. */
export class CpuMeter {
  readonly #cores = availableParallelism();
  #usedUs = 0;
  #atMs = 0;

  constructor() {
    this.take();
  }

  /** Share of all cores' time, 0..1, since the last call. */
  take(): number {
    const { user, system } = process.cpuUsage();
    const nowMs = performance.now();
    const usedMs = (user + system - this.#usedUs) / 1_000;
    const share = usedMs / ((nowMs - this.#atMs) * this.#cores);
    this.#usedUs = user + system;
    this.#atMs = nowMs;
    return Math.min(1, share);
  }
}

/** Measures how busy a loop is from call to call, of this thread or from outside. */
export class BusyMeter {
  readonly #read: () => LoopTime;
  #before: LoopTime = { active: 0, idle: 0 };

  /** @param read totals of the loop since its start. */
  constructor(read: () => LoopTime) {
    this.#read = read;
  }

  /** Share of its time, 0..1, that the loop was busy since the last call. */
  take(): number {
    const now = this.#read();
    const active = now.active - this.#before.active;
    const whole = active + now.idle - this.#before.idle;
    this.#before = now;
    return whole > 0 ? active / whole : 0;
  }
}

/** Measures the passes of this thread's loop from call to call. */
export class PassMeter {
  #activeMs = 0;
  #passes = 0;

  constructor() {
    this.take();
  }

  /** Time of a pass since the last call, ms, without what it waited for events. */
  take(): number {
    const { active } = performance.eventLoopUtilization();
    const { loopCount } = performance.nodeTiming.uvMetricsInfo;
    const passMs = (active - this.#activeMs) / Math.max(1, loopCount - this.#passes);
    this.#activeMs = active;
    this.#passes = loopCount;
    return passMs;
  }
}

/** Of several threads on average; nothing of none. */
export function meanLoad(loads: readonly LoopLoad[]): LoopLoad {
  const mean = (of: keyof LoopLoad): number =>
    loads.reduce((sum, load) => sum + load[of], 0) / Math.max(1, loads.length);
  return { busy: mean("busy"), passMs: mean("passMs") };
}
