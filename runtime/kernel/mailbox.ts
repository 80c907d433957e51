// The window in memory of one actor's inbox. The system lane (run ends, controls, replies) goes
// before the user lane and is never refused.

import type { Data } from "../actor.ts";
import type { Address } from "../address.ts";
import { PairRing, Ring } from "./ring.ts";
import { Tell } from "./tell.ts";

/** In the place of a sender: the message beside it is a whole item. */
export const ITEM = Symbol("item");

/** Who sent what stands beside it; undefined where nothing stands. */
export type Sender = Address | null | typeof ITEM | undefined;

/** Who sent what was just taken. */
export interface Taken {
  from: Sender;
}

/**
 * Two lanes of one actor's waiting messages. What is told is kept as its message and its sender, so
 * that it costs no object. Most actors never have more than one waiting: that one has a place of its
 * own, and rings are made when first needed.
 */
export class Mailbox<T extends object> {
  #system: Ring<T | Tell> | null = null;
  /** The oldest of the user lane; then those of the ring. */
  #message: Data = undefined;
  #from: Sender = undefined;
  #user: PairRing<Data, Sender> | null = null;

  /** Messages waiting in both lanes. */
  get size(): number {
    return (this.#system === null ? 0 : this.#system.size) + this.userSize;
  }

  /** Messages waiting in the user lane: what the limit counts. */
  get userSize(): number {
    const first = this.#from === undefined ? 0 : 1;
    return this.#user === null ? first : first + this.#user.size;
  }

  /**
   * Takes in a message that was told, or a Tell as an ITEM; false when as many as `max` wait in the
   * user lane already.
   */
  tell(message: Data, from: Exclude<Sender, undefined>, max: number): boolean {
    if (this.userSize >= max) return false;
    this.#pushUser(message, from);
    return true;
  }

  push(item: T | Tell, lane: "system" | "user"): void {
    if (lane === "user") this.#pushUser(item, ITEM);
    else {
      this.#system ??= new Ring();
      this.#system.push(item);
    }
  }

  /** Puts a message back in front of its lane, to be tried again. */
  putBack(item: T | Tell, lane: "system" | "user"): void {
    if (lane === "system") {
      this.#system ??= new Ring();
      this.#system.unshift(item);
      return;
    }
    if (this.#from !== undefined) {
      this.#user ??= new PairRing();
      this.#user.unshift(this.#message, this.#from);
    }
    this.#message = item;
    this.#from = ITEM;
  }

  /**
   * Takes the next message: `taken` says from whom it was told, that it is a whole item (ITEM), or that
   * there was none (undefined).
   */
  take(taken: Taken): Data {
    if (this.#system !== null && this.#system.size > 0) {
      taken.from = ITEM;
      return this.#system.shift();
    }
    const from = this.#from;
    if (from === undefined) return this.#takeRing(taken);
    const message = this.#message;
    this.#message = undefined;
    this.#from = undefined;
    taken.from = from;
    return message;
  }

  /** Whether a waiting item passes the test. What was told is no item. */
  some(test: (item: T | Tell) => boolean): boolean {
    if (this.#from === ITEM && test(this.#message as T)) return true;
    if (this.#system?.some(test)) return true;
    return this.#user?.some((message, from) => from === ITEM && test(message as T)) ?? false;
  }

  /** Takes everything, system lane first. */
  drain(): (T | Tell)[] {
    const all: (T | Tell)[] = [];
    const taken: Taken = { from: undefined };
    for (;;) {
      const message = this.take(taken);
      const { from } = taken;
      if (from === undefined) return all;
      all.push(from === ITEM ? (message as T | Tell) : new Tell(message, from));
    }
  }

  #takeRing(taken: Taken): Data {
    const ring = this.#user;
    if (ring === null || ring.size === 0) {
      taken.from = undefined;
      return undefined;
    }
    const message = ring.first;
    taken.from = ring.second;
    ring.drop();
    return message;
  }

  #pushUser(message: Data, from: Sender): void {
    if (this.#from === undefined && (this.#user === null || this.#user.size === 0)) {
      this.#message = message;
      this.#from = from;
      return;
    }
    this.#user ??= new PairRing();
    this.#user.push(message, from);
  }
}
