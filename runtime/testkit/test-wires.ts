// The wires of a simulated system: each delivers in the order of sending, now or a little later, and
// what is sent before it is served travels together.

import type { Schedule } from "./schedule.ts";

/** Share of deliveries that take no time. */
const AT_ONCE = 0.5;

/** All wires of one system, by name; a wire is a lane of the schedule. */
export class TestWires {
  readonly #schedule: Schedule;
  readonly #delayMs: number;
  /** When each wire delivers what was sent last, in time passed: nothing overtakes it. */
  readonly #lastMs = new Map<string, number>();

  constructor(schedule: Schedule, delayMs: number) {
    this.#schedule = schedule;
    this.#delayMs = delayMs;
  }

  /** Adds an item to what waits for the wire; all of it is delivered together. */
  batch<T>(waiting: T[], item: T, wire: string, deliver: (items: readonly T[]) => void): void {
    waiting.push(item);
    if (waiting.length === 1) this.carry(wire, () => deliver(waiting.splice(0)));
  }

  /** Delivers after everything sent before on this wire. */
  carry(wire: string, deliver: () => void): void {
    const { passedMs } = this.#schedule;
    const atMs = Math.max(passedMs + this.delay(), this.#lastMs.get(wire) ?? 0);
    if (atMs <= passedMs) {
      this.#schedule.defer(wire, deliver);
      return;
    }
    this.#lastMs.set(wire, atMs);
    this.#schedule.after(wire, atMs - passedMs, deliver);
  }

  /** A time on the way, in whole milliseconds. */
  delay(): number {
    if (this.#delayMs === 0 || this.#schedule.random() < AT_ONCE) return 0;
    return Math.ceil(this.#schedule.random() * this.#delayMs);
  }
}
