// One worker of a simulated system for as long as it lives, as what runs on it sees it.

import type { Clock } from "../clock.ts";

/** The worker. */
export interface Workplace {
  readonly worker: number;
  /** Timers of a worker that has died do not fire. */
  readonly clock: Clock;
  isAlive(): boolean;
}
