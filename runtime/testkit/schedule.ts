// Virtual time and a seeded order of everything that may happen in any order: one seed is one
// interleaving. Tasks of one lane (a thread) keep their order; which lane goes next is the seed's.

import type { Clock, Timer } from "../clock.ts";
import type { RandomBytes } from "../id.ts";

/** Tasks that one run of a simulation may take; more means it does not come to rest. */
const TASKS_MAX = 2_000_000;

interface Armed {
  readonly atMs: number;
  readonly order: number;
  readonly call: () => void;
}

/** A small generator with a seed (mulberry32): the same numbers on every machine. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Order and time of one simulation. */
export class Schedule {
  readonly #random: () => number;
  readonly #lanes = new Map<string, (() => void)[]>();
  #armed: Armed[] = [];
  #nowMs: number;
  #order = 0;
  #tasks = 0;

  constructor(seed: number, startMs = 1_700_000_000_000) {
    this.#random = seeded(seed);
    this.#nowMs = startMs;
  }

  /** Random bytes that follow from the seed. */
  readonly bytes: RandomBytes = (count) =>
    Uint8Array.from({ length: count }, () => Math.floor(this.#random() * 256));

  get nowMs(): number {
    return this.#nowMs;
  }

  /** When the next timer fires, or null when none is armed. */
  get nextAtMs(): number | null {
    if (this.#armed.length === 0) return null;
    return this.#armed.reduce((least, { atMs }) => Math.min(least, atMs), Number.POSITIVE_INFINITY);
  }

  /** Adds a task to a lane. */
  defer(lane: string, call: () => void): void {
    const tasks = this.#lanes.get(lane);
    if (tasks) tasks.push(call);
    else this.#lanes.set(lane, [call]);
  }

  /** A clock of this schedule; its timers fire in a lane. */
  clock(lane: string, isAlive: () => boolean): Clock {
    return {
      now: () => this.#nowMs,
      after: (ms, call): Timer => {
        this.#order += 1;
        const atMs = this.#nowMs + Math.max(0, ms);
        const fire = (): void => this.defer(lane, () => (isAlive() ? call() : undefined));
        const armed = { atMs, order: this.#order, call: fire };
        this.#armed.push(armed);
        const cancel = (): void => {
          this.#armed = this.#armed.filter((one) => one !== armed);
        };
        return { cancel };
      },
    };
  }

  /** Runs everything that can run now, without moving time. */
  async settle(): Promise<void> {
    for (;;) {
      await microtasks();
      const lanes = [...this.#lanes].filter(([, tasks]) => tasks.length > 0);
      const lane = lanes[Math.floor(this.#random() * lanes.length)];
      if (!lane) return;
      this.#tasks += 1;
      if (this.#tasks > TASKS_MAX) throw new Error(`The simulation took ${TASKS_MAX} tasks.`);
      lane[1].shift()?.();
    }
  }

  /** Moves time on by `ms`, firing timers in their order and settling after each moment. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms;
    await this.settle();
    for (;;) {
      const due = this.#armed
        .filter((one) => one.atMs <= untilMs)
        .sort((a, b) => a.atMs - b.atMs || a.order - b.order)[0];
      if (!due) break;
      this.#nowMs = Math.max(this.#nowMs, due.atMs);
      this.#armed = this.#armed.filter((one) => one !== due);
      due.call();
      await this.settle();
    }
    this.#nowMs = untilMs;
  }

  /** Forgets the tasks of a lane: its thread has died. */
  kill(lane: string): void {
    this.#lanes.delete(lane);
  }
}

/** Lets every promise that can settle do so. */
function microtasks(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
