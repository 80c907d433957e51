// The time of one kernel as its turns see it. Reading a clock costs as much as a small turn, so what
// is told in memory is timed by samples: one turn in `stride`, which grows while turns are short and
// falls back to every turn as soon as one was long. Everything else is timed turn by turn.

import type { Clock } from "../clock.ts";

/** Of so many messages told in memory, the wait of one is measured. */
export const TELLS_A_SAMPLE = 64;
/** Turns told in memory that one reading of the clock may stand for, and how long they may take in all. */
const STRIDE_MAX = 64;
const STRIDE_MS_MAX = 2;
/** A slice shorter than this goes on when it has had its turns: a pass of the event loop costs microseconds. */
const SLICE_MS_MIN = 0.1;
/** A turn longer than this makes the next ones be timed one by one. */
const LONG_MS = 0.25;

/** Clock readings of one kernel. */
export class Pace {
  readonly #clock: Clock;
  #startMs: number;
  /** Milliseconds since the epoch at the last reading. */
  nowMs: number;
  /** The same since the kernel was made, never less than before: small whole numbers. */
  tick = 0;
  /** Turns that the next sample stands for. */
  stride = 1;
  /** Whether the slice has used up its time, at the last reading. */
  isOver = false;
  #left = 1;
  #isUnused = false;
  #tells = 0;
  #endMs = 0;
  #beganMs = 0;
  /** Until when a slice of cheap turns may go on, by the fine clock; 0 when it may not. */
  #cheapMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#startMs = clock.now();
    this.nowMs = this.#startMs;
  }

  /** Reads the clock. */
  read(): number {
    const nowMs = this.#clock.now();
    // Set back, the clock would let nothing become idle and no slice end until it has caught up.
    if (nowMs < this.nowMs) this.#startMs += nowMs - this.nowMs;
    this.nowMs = nowMs;
    this.#isUnused = true;
    this.isOver = nowMs > this.#endMs || nowMs < this.#beganMs;
    this.tick = Math.trunc(this.nowMs - this.#startMs);
    return this.nowMs;
  }

  /** The time of a turn that begins now: the clock is read unless nothing has run since it was. */
  ofTurn(): number {
    if (!this.#isUnused) this.read();
    this.#isUnused = false;
    return this.nowMs;
  }

  /** A slice begins; the clock is read for it unless that has just been done. */
  begin(sliceMs: number, isFresh: boolean): void {
    const { fine } = this.#clock;
    this.#cheapMs = isFresh || fine === undefined ? 0 : fine() + SLICE_MS_MIN;
    if (!isFresh) this.read();
    this.#beganMs = this.nowMs;
    this.#endMs = this.nowMs + sliceMs;
    this.isOver = false;
  }

  /** Whether a slice that has had its turns may go on, because they have taken next to no time. */
  isCheap(): boolean {
    return this.#cheapMs > 0 && (this.#clock.fine?.() ?? 0) < this.#cheapMs;
  }

  /** Whether the wait of the message that is told now is to be measured. */
  isMeasuredTell(): boolean {
    this.#tells += 1;
    return (this.#tells & (TELLS_A_SAMPLE - 1)) === 0;
  }

  /** Whether the turn that begins now is to be timed. */
  isSample(): boolean {
    this.#isUnused = false;
    this.#left -= 1;
    return this.#left <= 0;
  }

  /** A sample took this long: says how many turns it stands for, and reads the clock. */
  sampled(ms: number): number {
    const stoodFor = this.stride;
    const isLong = ms > LONG_MS || this.stride * ms > STRIDE_MS_MAX;
    this.stride = isLong ? 1 : Math.min(STRIDE_MAX, this.stride * 2);
    this.#left = this.stride;
    this.read();
    return stoodFor;
  }
}
