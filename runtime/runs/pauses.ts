// The time of a run that stood still: waits for people, days or events outside, which must not use up
// the time that the run has for its work. A run counts its own and those of the runs below it; waits
// at the same time count once.

/** One wait. */
export interface Pause {
  readonly sinceMs: number;
  /** When it ends at the latest by its own timeout. */
  readonly untilMs: number;
  /** Null while it lasts. */
  endMs: number | null;
}

/** The pauses of one run. */
export class Pauses {
  readonly #pauses: Pause[] = [];

  add(pause: Pause): void {
    this.#pauses.push(pause);
  }

  /**
   * For how long the run has stood still and will, ms. A wait that lasts counts to its timeout, or to now
   * when nobody was there to end it: as long as it lasts, no deadline passes. @param isSoFar it counts to now.
   */
  countedMs(nowMs: () => number, isSoFar = false): number {
    if (this.#pauses.length === 0) return 0;
    const now = nowMs();
    let countedMs = 0;
    let toMs = Number.NEGATIVE_INFINITY;
    for (const { sinceMs, untilMs, endMs } of this.#pauses.toSorted(
      (a, b) => a.sinceMs - b.sinceMs,
    )) {
      const end = endMs ?? (isSoFar ? now : Math.max(untilMs, now));
      countedMs += Math.max(0, end - Math.max(sinceMs, toMs));
      toMs = Math.max(toMs, end);
    }
    return countedMs;
  }
}
