// Ends a run that has used up its time. Time that stood still (pauses.ts) does not count, so the timer
// of a run that waits so is set again when it fires, and when the wait is over.

import type { Timer } from "../clock.ts";
import { RuntimeError } from "../errors.ts";
import type { Run } from "./run.ts";

/** Watches the deadline of a run whose function is called now. */
export function watchDeadline(run: Run): void {
  const { clock } = run.tree.engine.options;
  let timer: Timer | null = null;
  // By a clock that nobody sets, from here on: only what is counted anew is added.
  const arm = (ms: number, countedMs: number): void => {
    timer = run.tree.after(Math.max(0, ms), () => {
      const moreMs = run.pausedMs - countedMs;
      if (moreMs > 0) arm(moreMs, countedMs + moreMs);
      else expire(run);
    });
  };
  run.deadlineMoved = () => {
    timer?.cancel();
    if (!run.outcome) arm(run.deadlineMs - clock.now(), run.pausedMs);
  };
  run.deadlineMoved();
}

/** Ends a run as `expired`. */
export function expire(run: Run): void {
  run.stop("expired", new RuntimeError("DEADLINE", `The run "${run.id}" passed its deadline.`));
}
