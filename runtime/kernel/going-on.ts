// Who of the runs goes on next. A commit or an answer from outside can let a hundred runs go on at
// once, and all others would wait for the last of them; so only so many go on in one pass of the
// event loop, tenants in turn. With nobody waiting a run goes on at once.

import { FairQueue } from "../shared/fair-queue.ts";

/** Runs that go on in one pass of the event loop. */
const RUNS_A_PASS = 8;

/** The order in which runs of one kernel go on. */
export class GoingOn {
  readonly #defer: (call: () => void) => void;
  /** Bounded by the runs in memory. */
  readonly #waiting = new FairQueue<() => void>({
    max: Number.MAX_VALUE,
    tenantMax: Number.MAX_VALUE,
  });
  #left = RUNS_A_PASS;
  #isArmed = false;
  readonly #pass = (): void => {
    this.#isArmed = false;
    this.#left = RUNS_A_PASS;
    while (this.#left > 0) {
      const call = this.#waiting.shift();
      if (call === undefined) return;
      this.#take(call);
    }
  };

  constructor(defer: (call: () => void) => void) {
    this.#defer = defer;
  }

  /** Calls when it is this tenant's turn: now, when nobody waits. */
  next(tenant: string, call: () => void): void {
    if (this.#left > 0 && this.#waiting.size === 0) this.#take(call);
    else this.#waiting.push(tenant, "", call);
  }

  /** Resolves when it is this tenant's turn. */
  turn(tenant: string): Promise<void> {
    return new Promise((resolve) => this.next(tenant, resolve));
  }

  #take(call: () => void): void {
    this.#left -= 1;
    if (!this.#isArmed) {
      this.#isArmed = true;
      this.#defer(this.#pass);
    }
    call();
  }
}
