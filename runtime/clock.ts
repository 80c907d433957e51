// Time as an argument: real in production, manual in the testkit, so that everything that waits can
// be tested without waiting.

import { performance } from "node:perf_hooks";

/** A pending call. `cancel` after it has fired does nothing. */
export interface Timer {
  cancel(): void;
}

/** Where the runtime reads time and waits. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Milliseconds since some moment, by a clock that nobody sets: for how long something takes. */
  elapsed(): number;
  /**
   * Milliseconds with their fraction since some moment, for what is too short for `now`. Virtual time
   * has none: what is decided by it could not be replayed.
   */
  readonly fine?: () => number;
  /** Calls `call` once after `ms` (0 or more). Never keeps the process alive by itself. */
  after(ms: number, call: () => void): Timer;
}

/** `setTimeout` takes at most 2^31 - 1 ms; longer waits are re-armed. */
const TIMEOUT_MS_MAX = 2_147_483_647;

/** The machine's clock. */
export const realClock: Clock = {
  now: Date.now,
  elapsed: () => performance.now(),
  fine: () => performance.now(),
  after(ms, call) {
    let handle: NodeJS.Timeout;
    const arm = (leftMs: number): void => {
      const stepMs = Math.min(leftMs, TIMEOUT_MS_MAX);
      handle = setTimeout(() => (leftMs > stepMs ? arm(leftMs - stepMs) : call()), stepMs);
      handle.unref();
    };
    arm(Math.max(0, ms));
    return { cancel: () => clearTimeout(handle) };
  },
};

/** A moment of the machine's clock by the one that nobody sets: how long it is until then, from now. */
export function elapsedAt(clock: Clock, atMs: number): number {
  return clock.elapsed() + (atMs - clock.now());
}
