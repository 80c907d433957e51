// Whether the system may have lost something of what it tells: it keeps so much and no more for who is slow to read,
// of all folders together, and says nothing of what it drops.

import type { Clock, Timer } from "../../../runtime/clock.ts";
import { watchLimits } from "./limits.ts";

/** Counts what is told, and has everything looked at when that was too much. */
export class Flood {
  readonly #clock: Pick<Clock, "elapsed" | "after">;
  readonly #lost: () => void;
  #count = 0;
  #sinceMs = Number.NEGATIVE_INFINITY;
  #lastMs = Number.NEGATIVE_INFINITY;
  #timer: Timer | null = null;

  constructor(clock: Pick<Clock, "elapsed" | "after">, lost: () => void) {
    this.#clock = clock;
    this.#lost = lost;
  }

  count(): void {
    const nowMs = this.#clock.elapsed();
    if (nowMs - this.#sinceMs > watchLimits.hintsMs) {
      this.#sinceMs = nowMs;
      this.#count = 0;
    }
    this.#count += 1;
    if (this.#count <= watchLimits.hints || this.#timer !== null) return;
    const { lostMs, lostAgainMs } = watchLimits;
    const waitMs = Math.max(lostMs, this.#lastMs + lostAgainMs - nowMs);
    this.#timer = this.#clock.after(waitMs, () => {
      this.#timer = null;
      this.#lastMs = this.#clock.elapsed();
      this.#lost();
    });
  }

  stop(): void {
    this.#timer?.cancel();
  }
}
