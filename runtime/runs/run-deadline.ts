// Ends a run that has used up its time. Time that stood still (pauses.ts) does not count, so the timer
// of a run that waits so is set again when it fires, and when the wait is over. A class: closures that
// a run holds and that hold the run stayed, with all that its steps gave, until the next major collection.

import type { Timer } from "../clock.ts";
import type { Run } from "./run.ts";

/** The deadline of a run whose function is called now. */
export class RunDeadline {
  readonly #run: Run;
  #timer: Timer | null = null;
  /** Of the time that stood still, what the timer has been set for. */
  #countedMs = 0;

  constructor(run: Run) {
    this.#run = run;
    this.moved();
  }

  /** It came nearer: a wait in which the run's time stood still is over. */
  moved(): void {
    this.#timer?.cancel();
    const run = this.#run;
    if (run.outcome) return;
    this.#countedMs = run.pausedMs;
    this.#arm(run.deadlineMs - run.tree.engine.options.clock.now());
  }

  /** By a clock that nobody sets, from here on: only what is counted anew is added. */
  #arm(ms: number): void {
    this.#timer = this.#run.tree.after(Math.max(0, ms), () => this.#due());
  }

  #due(): void {
    const moreMs = this.#run.pausedMs - this.#countedMs;
    if (moreMs > 0) {
      this.#countedMs += moreMs;
      this.#arm(moreMs);
    } else expire(this.#run);
  }
}

/** Ends a run as `expired`: where the time of one above it is over too, that one, which names its own limit. */
export function expire(run: Run): void {
  const { deadlineMs } = run;
  let late = run;
  for (let above = run.parent; above !== null; above = above.parent) {
    if (above.deadlineMs <= deadlineMs) late = above;
  }
  late.stop("expired", late.lateness);
}
