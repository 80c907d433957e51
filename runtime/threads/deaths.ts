// Deaths of workers: how many there were, the last ones with their reasons, and whether one worker dies
// so often that starting it again helps nobody.

import type { LostWorker } from "./engines.ts";

/** Deaths that are kept to be shown. */
const LOST_MAX = 20;
/** Deaths of a worker count together for so long, ms. */
const TOGETHER_MS = 60_000;

/** The deaths in one pool. */
export class Deaths {
  readonly #mostOfOne: number;
  /** Times of the last ones, by worker. */
  readonly #recent = new Map<number, number[]>();
  readonly #lost: LostWorker[] = [];
  #count = 0;

  /** @param mostOfOne deaths of one worker within a minute, `deathsMax`. */
  constructor(mostOfOne: number) {
    this.#mostOfOne = mostOfOne;
  }

  get count(): number {
    return this.#count;
  }

  /** The last ones, newest first. */
  get lost(): readonly LostWorker[] {
    return this.#lost;
  }

  add(): void {
    this.#count += 1;
  }

  /** Keeps one to be shown. */
  keep(lost: LostWorker): void {
    this.#lost.unshift(lost);
    this.#lost.splice(LOST_MAX);
  }

  /** Counts one more of this worker. Whether they are too many by now. */
  isTooOften(worker: number): boolean {
    const nowMs = performance.now();
    const recent = (this.#recent.get(worker) ?? []).filter((atMs) => atMs > nowMs - TOGETHER_MS);
    recent.push(nowMs);
    this.#recent.set(worker, recent);
    return recent.length > this.#mostOfOne;
  }
}
