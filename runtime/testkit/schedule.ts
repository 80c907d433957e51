// Virtual time and a seeded order of everything that may happen in any order: one seed is one
// interleaving. Tasks of one lane (a thread, a wire) keep their order; which lane goes next is the
// seed's. Now and then a lane is starved for a while, because what is merely unlikely to be late is
// almost never late.

import { nextTick } from "node:process";
import type { Clock, Timer } from "../clock.ts";
import type { RandomBytes } from "../id.ts";

/** Tasks of one moment; more means that it never comes to rest. */
const TASKS_MAX = 200_000;
/** Tasks after which the event loop of the real thread gets a turn. */
const TASKS_A_BREATH = 4_096;
/** Tasks after which another lane, or none, is starved. */
const TASKS_A_MOOD = 32;
/** Share of moods in which no lane is starved. */
const FAIR_MOODS = 0.4;

interface Armed {
  readonly atMs: number;
  readonly order: number;
  readonly lane: string;
  /** Undefined when it was cancelled. */
  call: (() => void) | undefined;
}

/** First in first out; `number` names it in the trace. */
interface Lane {
  readonly number: number;
  tasks: (() => void)[];
  next: number;
  isReady: boolean;
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
  readonly #lanes = new Map<string, Lane>();
  /** Lanes with tasks, in the order in which they got them. */
  readonly #ready: Lane[] = [];
  /** A heap: the earliest first. */
  readonly #armed: Armed[] = [];
  readonly #startMs: number;
  #passedMs = 0;
  #skewMs = 0;
  #order = 0;
  #tasks = 0;
  #starved: Lane | undefined;
  #trace = 0x811c9dc5;

  constructor(seed: number, startMs = 1_700_000_000_000) {
    this.#random = seeded(seed);
    this.#startMs = startMs;
  }

  /** Random bytes that follow from the seed. */
  readonly bytes: RandomBytes = (count) => {
    const bytes = new Uint8Array(count);
    for (let at = 0; at < count; at += 1) bytes[at] = this.#random() * 256;
    return bytes;
  };

  /** A number from 0 (inclusive) to 1 (exclusive) that follows from the seed. */
  random(): number {
    return this.#random();
  }

  /** What the clocks of this schedule show. */
  get nowMs(): number {
    return this.#startMs + this.#passedMs + this.#skewMs;
  }

  /** Time that has passed since the start; a jump of the clock does not change it. */
  get passedMs(): number {
    return this.#passedMs;
  }

  /** When the next timer fires, or null when none is armed. */
  get nextAtMs(): number | null {
    while (this.#armed[0] !== undefined && this.#armed[0].call === undefined) this.#disarm();
    const first = this.#armed[0];
    return first === undefined ? null : first.atMs + this.#startMs + this.#skewMs;
  }

  /** Sets every clock forward or back; timers wait as long as they would have. */
  jump(ms: number): void {
    this.#skewMs += ms;
    this.note(`jump ${ms}`);
  }

  /** A hash of everything that was done so far and when: two runs with one trace are the same run. */
  get trace(): string {
    return (this.#trace >>> 0).toString(16).padStart(8, "0");
  }

  /** Adds to the trace. */
  note(text: string): void {
    for (let at = 0; at < text.length; at += 1) this.#mix(text.charCodeAt(at));
  }

  /** Adds a task to a lane. */
  defer(name: string, call: () => void): void {
    const lane = this.#lane(name);
    lane.tasks.push(call);
    if (lane.isReady) return;
    lane.isReady = true;
    this.#ready.push(lane);
  }

  /** Calls after `ms` (whole milliseconds, rounded up), in a lane. */
  after(name: string, ms: number, call: () => void): Timer {
    this.#order += 1;
    const atMs = this.#passedMs + Math.max(0, Math.ceil(ms));
    const armed: Armed = { atMs, order: this.#order, lane: name, call };
    this.#arm(armed);
    return {
      cancel: () => {
        armed.call = undefined;
      },
    };
  }

  /** A clock of this schedule; its timers fire in a lane, for as long as it is alive. */
  clock(lane: string, isAlive: () => boolean): Clock {
    return {
      now: () => this.nowMs,
      elapsed: () => this.passedMs,
      after: (ms, call) => this.after(lane, ms, () => (isAlive() ? call() : undefined)),
    };
  }

  /** Runs everything that can run now, without moving time. */
  async settle(): Promise<void> {
    await null;
    const limit = this.#tasks + TASKS_MAX;
    for (;;) {
      await settled();
      const lane = this.#pick();
      if (lane === undefined) return;
      this.#tasks += 1;
      if (this.#tasks > limit) throw new Error(`One moment took ${TASKS_MAX} tasks.`);
      if (this.#tasks % TASKS_A_BREATH === 0) await breath();
      this.#mix(lane.number);
      this.#take(lane)?.();
    }
  }

  /** Moves time on by `ms`, firing timers in their order and settling after each moment. */
  async advance(ms: number): Promise<void> {
    await this.until(() => false, ms);
  }

  /**
   * Moves time on from timer to timer until `isDone` holds, for at most `limitMs`.
   * @returns whether it holds.
   */
  async until(isDone: () => boolean, limitMs: number): Promise<boolean> {
    const endMs = this.#passedMs + Math.floor(limitMs);
    for (;;) {
      await this.settle();
      if (isDone()) return true;
      const atMs = this.#armed[0]?.atMs ?? Number.POSITIVE_INFINITY;
      if (atMs > endMs) {
        this.#passedMs = endMs;
        return false;
      }
      this.#passedMs = Math.max(this.#passedMs, atMs);
      this.#mix(this.#passedMs);
      while ((this.#armed[0]?.atMs ?? Number.POSITIVE_INFINITY) <= this.#passedMs) {
        const { lane, call } = this.#disarm();
        if (call !== undefined) this.defer(lane, call);
      }
    }
  }

  /** Forgets the tasks of a lane: its thread has died. */
  kill(name: string): void {
    const lane = this.#lane(name);
    lane.tasks = [];
    lane.next = 0;
  }

  #lane(name: string): Lane {
    const known = this.#lanes.get(name);
    if (known !== undefined) return known;
    const lane: Lane = { number: this.#lanes.size, tasks: [], next: 0, isReady: false };
    this.#lanes.set(name, lane);
    return lane;
  }

  #pick(): Lane | undefined {
    const { length } = this.#ready;
    if (length === 0) return undefined;
    if (this.#tasks % TASKS_A_MOOD === 0) {
      const isFair = this.#random() < FAIR_MOODS;
      this.#starved = isFair ? undefined : this.#ready[Math.floor(this.#random() * length)];
    }
    const at = length === 1 ? 0 : Math.floor(this.#random() * length);
    const lane = this.#ready[at];
    return lane !== this.#starved || length === 1 ? lane : this.#ready[(at + 1) % length];
  }

  #take(lane: Lane): (() => void) | undefined {
    const task = lane.tasks[lane.next];
    lane.next += 1;
    if (lane.next >= lane.tasks.length) {
      lane.tasks = [];
      lane.next = 0;
      lane.isReady = false;
      this.#ready.splice(this.#ready.indexOf(lane), 1);
    }
    return task;
  }

  #arm(armed: Armed): void {
    const heap = this.#armed;
    let at = heap.length;
    heap.push(armed);
    while (at > 0) {
      const above = (at - 1) >> 1;
      const other = heap[above];
      if (other === undefined || !isBefore(armed, other)) break;
      heap[at] = other;
      at = above;
    }
    heap[at] = armed;
  }

  #disarm(): Armed {
    const heap = this.#armed;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined) throw new Error("No timer is armed.");
    if (heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      let child = heap[below];
      const right = heap[below + 1];
      if (child !== undefined && right !== undefined && isBefore(right, child)) {
        below += 1;
        child = right;
      }
      if (child === undefined || !isBefore(child, last)) break;
      heap[at] = child;
      at = below;
    }
    heap[at] = last;
    return first;
  }

  #mix(value: number): void {
    this.#trace = Math.imul(this.#trace ^ value, 0x01000193);
  }
}

function isBefore(one: Armed, other: Armed): boolean {
  return one.atMs < other.atMs || (one.atMs === other.atMs && one.order < other.order);
}

/**
 * Lets every promise that can settle do so: asked for from a microtask, a tick comes when no other
 * microtask is left. A turn of the event loop for each task would be most of a simulation.
 */
function settled(): Promise<void> {
  return new Promise((resolve) => {
    nextTick(resolve);
  });
}

function breath(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
