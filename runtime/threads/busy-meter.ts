// How busy an event loop is: Node counts the time it spends waiting for events, outside JavaScript.

import type { EventLoopUtilization } from "node:perf_hooks";

/** Measures one event loop from call to call. */
export class BusyMeter {
  readonly #read: () => EventLoopUtilization;
  #before = { active: 0, idle: 0 };

  /** @param read totals of the loop since its start. */
  constructor(read: () => EventLoopUtilization) {
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
