// Who goes on next of those that something outside has let go on: a commit, an answer, a request. All
// of them may come at once, and everybody else would wait for the last one; so only so many go on in
// one pass of the event loop, tenants in turn. With nobody waiting one goes on at once.

import { FairQueue } from "./fair-queue.ts";

/** What a pass allows. */
export interface FairPassOptions {
  /** Calls when the pass is over. */
  readonly defer: (call: () => void) => void;
  /** How many go on in one pass. */
  readonly most: number;
  /** More go on at once for so long, ms of real time: many small ones need no pass for each few. */
  readonly freeMs?: number;
}

/** The order in which they go on. */
export class FairPass {
  readonly #options: FairPassOptions;
  /** Bounded by those who call: each waits once. */
  readonly #waiting = new FairQueue<() => void>({
    max: Number.MAX_VALUE,
    tenantMax: Number.MAX_VALUE,
  });
  #left: number;
  #beganMs = 0;
  #isArmed = false;
  readonly #pass = (): void => {
    this.#isArmed = false;
    this.#left = this.#options.most;
    while (this.#left > 0) {
      const call = this.#waiting.shift();
      if (call === undefined) return;
      this.#count();
      call();
    }
  };

  constructor(options: FairPassOptions) {
    this.#options = options;
    this.#left = options.most;
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

  #isFree(): boolean {
    const { freeMs = 0 } = this.#options;
    return freeMs > 0 && performance.now() - this.#beganMs < freeMs;
  }

  #count(): void {
    this.#left -= 1;
    if (this.#isArmed) return;
    this.#isArmed = true;
    if (this.#options.freeMs !== undefined) this.#beganMs = performance.now();
    this.#options.defer(this.#pass);
  }
}
