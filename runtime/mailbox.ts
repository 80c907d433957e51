// The window in memory of one actor's inbox. The system lane (run ends, controls, replies) goes
// before the user lane and is never refused.

import { Ring } from "./ring.ts";

/**
 * Two lanes of one actor's waiting messages. Most actors never have more than one waiting: that one
 * has a place of its own, and rings are made when first needed.
 */
export class Mailbox<T> {
  #system: Ring<T> | null = null;
  /** The oldest of the user lane; then those of the ring. */
  #first: T | undefined = undefined;
  #user: Ring<T> | null = null;

  /** Messages waiting in both lanes. */
  get size(): number {
    return (this.#system?.size ?? 0) + this.userSize;
  }

  /** Messages waiting in the user lane: what the limit counts. */
  get userSize(): number {
    return (this.#first === undefined ? 0 : 1) + (this.#user === null ? 0 : this.#user.size);
  }

  push(item: T, lane: "system" | "user"): void {
    if (lane === "user") this.pushUser(item);
    else {
      this.#system ??= new Ring();
      this.#system.push(item);
    }
  }

  pushUser(item: T): void {
    if (this.#user === null) {
      if (this.#first === undefined) {
        this.#first = item;
        return;
      }
      this.#user = new Ring();
    } else if (this.#first === undefined && this.#user.size === 0) {
      this.#first = item;
      return;
    }
    this.#user.push(item);
  }

  /** Puts a message back in front of its lane, to be tried again. */
  putBack(item: T, lane: "system" | "user"): void {
    if (lane === "system") {
      this.#system ??= new Ring();
      this.#system.unshift(item);
      return;
    }
    if (this.#first !== undefined) {
      this.#user ??= new Ring();
      this.#user.unshift(this.#first);
    }
    this.#first = item;
  }

  take(): T | undefined {
    if (this.#system !== null) {
      const item = this.#system.shift();
      if (item !== undefined) return item;
    }
    const first = this.#first;
    if (first === undefined) return this.#user === null ? undefined : this.#user.shift();
    this.#first = undefined;
    return first;
  }

  /** Whether a waiting message passes the test. */
  some(test: (item: T) => boolean): boolean {
    if (this.#first !== undefined && test(this.#first)) return true;
    return (this.#system?.some(test) ?? false) || (this.#user?.some(test) ?? false);
  }

  /** Takes everything, system lane first. */
  drain(): T[] {
    const all: T[] = [];
    for (let item = this.take(); item !== undefined; item = this.take()) all.push(item);
    return all;
  }
}
