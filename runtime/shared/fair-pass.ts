// Who goes on next of those that something outside has let go on: a commit, an answer, a request. All
// of them may come at once, and everybody else would wait for the last one; so only so many go on in
// one pass of the event loop, tenants in turn. With nobody waiting one goes on at once.

import { FairQueue } from "./fair-queue.ts";
import type { WeightOf } from "./tenant-weights.ts";

/** What a pass allows. */
export interface FairPassOptions {
  /** Calls when the pass is over. */
  readonly defer: (call: () => void) => void;
  /** How many go on in one pass. */
  readonly most: number;
  /**
   * More go on for so long after the first, ms of real time: many small ones need no pass for each few,
   * and of large ones there are not more in a pass than there must be.
   */
  readonly freeMs?: number;
  /** Default: the process's clock, ms. */
  readonly now?: () => number;
  /** Default: every tenant has one share. */
  readonly weightOf?: WeightOf | undefined;
}

/** The order in which they go on. */
export class FairPass {
  readonly #options: FairPassOptions;
  /** Bounded by those who call: each waits once. */
  readonly #waiting: FairQueue<() => void>;
  #left: number;
  #beganMs = 0;
  #isArmed = false;
  /** Whether the last one has promises that are still to go on: how long it takes is not known yet. */
  #isGoingOn = false;
  readonly #pass = (): void => {
    this.#isArmed = false;
    this.#left = this.#options.most;
    while (this.#left > 0) if (!this.#callNext()) return;
  };
  readonly #done = (): void => {
    this.#isGoingOn = false;
    if (this.#isFree()) this.#callNext();
  };

  constructor(options: FairPassOptions) {
    this.#options = options;
    this.#left = options.most;
    const { weightOf } = options;
    this.#waiting = new FairQueue({ max: Number.MAX_VALUE, tenantMax: Number.MAX_VALUE, weightOf });
  }

  /** Those who wait. */
  get size(): number {
    return this.#waiting.size;
  }

  /** Calls when it is this tenant's turn: now, when nobody waits. */
  next(tenant: string, call: () => void): void {
    if (this.isNow()) call();
    else this.#waiting.push(tenant, "", call);
  }

  /** Resolves when it is this tenant's turn. */
  turn(tenant: string): Promise<void> {
    return new Promise((resolve) => this.next(tenant, resolve));
  }

  /** Whether one more goes on now, which is counted; else it takes `turn`. */
  isNow(): boolean {
    if (this.#waiting.size > 0 || !(this.#left > 0 || this.#isFree())) return false;
    this.#count();
    return true;
  }

  #callNext(): boolean {
    const call = this.#waiting.shift();
    if (call === undefined) return false;
    this.#count();
    call();
    return true;
  }

  #isFree(): boolean {
    const { freeMs = 0 } = this.#options;
    return freeMs > 0 && !this.#isGoingOn && this.#now() - this.#beganMs < freeMs;
  }

  #count(): void {
    this.#left -= 1;
    const isTimed = this.#options.freeMs !== undefined;
    if (isTimed && !this.#isGoingOn) {
      this.#isGoingOn = true;
      afterPromises(this.#done);
    }
    if (this.#isArmed) return;
    this.#isArmed = true;
    if (isTimed) this.#beganMs = this.#now();
    this.#options.defer(this.#pass);
  }

  #now(): number {
    return this.#options.now?.() ?? performance.now();
  }
}

/** Calls in this pass of the loop, when no promise that is settled has anything left to do. */
export function afterPromises(call: () => void): void {
  // From within the queue of promises: a tick that is asked for elsewhere comes before it.
  queueMicrotask(() => process.nextTick(call));
}
