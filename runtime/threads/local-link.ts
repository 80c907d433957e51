// A link to something on the same thread, for a system without workers. What is sent leaves as soon
// as what is running now has ended, in one array; but in one pass of the event loop only so often and
// so long, then it waits for the next: sockets and timers have their turn too.

import { performance } from "node:perf_hooks";
import type { Link } from "./wire.ts";

/** Deliveries of one pass of the event loop, and how long they may go on, in ms. */
const DELIVERIES_A_PASS = 64;
const PASS_MS = 4;
/** The clock is read for one delivery of so many. */
const LOOK_EVERY = 4;

/** Node's queueMicrotask makes an object with a context for each call; a settled promise does not. */
const now = Promise.resolve();

/** A link within one thread. */
export class LocalLink<Out> implements Link<Out> {
  #urgent: Out[] = [];
  #waiting: Out[] = [];
  #isScheduled = false;
  #isClosed = false;
  #left = DELIVERIES_A_PASS;
  #isArmed = false;
  #endMs = 0;
  readonly #receive: (items: readonly Out[]) => void;
  readonly #flush = (): void => {
    this.#isScheduled = false;
    if (this.#isClosed) return;
    const items = this.takeUnsent();
    if (items.length > 0) this.#receive(items);
  };
  readonly #nextPass = (): void => {
    this.#isArmed = false;
    this.#left = DELIVERIES_A_PASS;
  };

  constructor(receive: (items: readonly Out[]) => void) {
    this.#receive = receive;
  }

  get backlog(): number {
    return 0;
  }

  backlogOf(): number {
    return 0;
  }

  push(item: Out): void {
    this.#waiting.push(item);
    this.#schedule();
  }

  pushUrgent(item: Out): void {
    this.#urgent.push(item);
    this.#schedule();
  }

  takeUnsent(): Out[] {
    let unsent = this.#waiting;
    if (this.#urgent.length > 0) {
      unsent = [...this.#urgent, ...unsent];
      this.#urgent = [];
    }
    this.#waiting = [];
    return unsent;
  }

  /** What is sent from here on waits for `flush`. */
  gather(): void {
    this.#isScheduled = true;
  }

  /** Hands over what has been sent. */
  flush(): void {
    this.#flush();
  }

  settled(): Promise<void> {
    this.#flush();
    return Promise.resolve();
  }

  close(): void {
    this.#isClosed = true;
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    if (this.#mayGoOn()) void now.then(this.#flush);
    else setImmediate(this.#flush);
  }

  #mayGoOn(): boolean {
    if (!this.#isArmed) {
      this.#isArmed = true;
      this.#endMs = performance.now() + PASS_MS;
      setImmediate(this.#nextPass);
      return true;
    }
    this.#left -= 1;
    if (this.#left % LOOK_EVERY === 0 && performance.now() > this.#endMs) this.#left = 0;
    return this.#left > 0;
  }
}
