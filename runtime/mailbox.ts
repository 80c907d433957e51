// The window in memory of one actor's inbox. The system lane (run ends, controls, replies) goes
// before the user lane and is never refused.

import { Ring } from "./ring.ts";

/** Two lanes of one actor's waiting messages. Lanes are made when first used. */
export class Mailbox<T> {
  #system: Ring<T> | null = null;
  #user: Ring<T> | null = null;

  /** Messages waiting in both lanes. */
  get size(): number {
    return (this.#system?.size ?? 0) + (this.#user?.size ?? 0);
  }

  /** Messages waiting in the user lane: what the limit counts. */
  get userSize(): number {
    return this.#user?.size ?? 0;
  }

  push(item: T, lane: "system" | "user"): void {
    if (lane === "system") {
      this.#system ??= new Ring();
      this.#system.push(item);
    } else {
      this.#user ??= new Ring();
      this.#user.push(item);
    }
  }

  /** Puts a message back in front of its lane, to be tried again. */
  putBack(item: T, lane: "system" | "user"): void {
    if (lane === "system") {
      this.#system ??= new Ring();
      this.#system.unshift(item);
    } else {
      this.#user ??= new Ring();
      this.#user.unshift(item);
    }
  }

  take(): T | undefined {
    return this.#system?.shift() ?? this.#user?.shift();
  }

  /** Whether a waiting message passes the test. */
  some(test: (item: T) => boolean): boolean {
    return (this.#system?.some(test) ?? false) || (this.#user?.some(test) ?? false);
  }

  /** Takes everything, system lane first. */
  drain(): T[] {
    const all: T[] = [];
    for (let item = this.take(); item !== undefined; item = this.take()) all.push(item);
    return all;
  }
}
