// First-in-first-out queues without the cost of Array.shift on long arrays: of one thing, and of two
// that belong together.

/** Slots kept by a ring that has become empty: what a flood has made it grow to is given back. */
const SLOTS_KEPT_MAX = 1_024;

/** A ring that grows by doubling and keeps its order. */
export class Ring<T> {
  #slots: (T | undefined)[] = new Array(4);
  #head = 0;
  size = 0;

  push(item: T): void {
    if (this.size === this.#slots.length) this.#grow();
    this.#slots[(this.#head + this.size) & (this.#slots.length - 1)] = item;
    this.size += 1;
  }

  unshift(item: T): void {
    if (this.size === this.#slots.length) this.#grow();
    this.#head = (this.#head - 1) & (this.#slots.length - 1);
    this.#slots[this.#head] = item;
    this.size += 1;
  }

  shift(): T | undefined {
    if (this.size === 0) return undefined;
    const item = this.#slots[this.#head];
    this.#slots[this.#head] = undefined;
    this.#head = (this.#head + 1) & (this.#slots.length - 1);
    this.size -= 1;
    if (this.size === 0 && this.#slots.length > SLOTS_KEPT_MAX) {
      this.#slots = new Array(4);
      this.#head = 0;
    }
    return item;
  }

  some(test: (item: T) => boolean): boolean {
    for (let at = 0; at < this.size; at += 1) {
      const item = this.#slots[(this.#head + at) & (this.#slots.length - 1)];
      if (item !== undefined && test(item)) return true;
    }
    return false;
  }

  #grow(): void {
    const next: (T | undefined)[] = new Array(this.#slots.length * 2);
    for (let at = 0; at < this.size; at += 1) {
      next[at] = this.#slots[(this.#head + at) & (this.#slots.length - 1)];
    }
    this.#slots = next;
    this.#head = 0;
  }
}

/** A ring of pairs, two slots each: a pair costs no object. */
export class PairRing<A, B> {
  #slots: (A | B | undefined)[] = new Array(8);
  /** Slot of the oldest pair. */
  #head = 0;
  size = 0;

  push(first: A, second: B): void {
    if (this.size * 2 === this.#slots.length) this.#grow();
    const at = (this.#head + this.size * 2) & (this.#slots.length - 1);
    this.#slots[at] = first;
    this.#slots[at + 1] = second;
    this.size += 1;
  }

  unshift(first: A, second: B): void {
    if (this.size * 2 === this.#slots.length) this.#grow();
    this.#head = (this.#head - 2) & (this.#slots.length - 1);
    this.#slots[this.#head] = first;
    this.#slots[this.#head + 1] = second;
    this.size += 1;
  }

  /** Of the oldest pair, if there is one. */
  get first(): A {
    return this.#slots[this.#head] as A;
  }

  get second(): B {
    return this.#slots[this.#head + 1] as B;
  }

  /** Removes the oldest pair. */
  drop(): void {
    this.#slots[this.#head] = undefined;
    this.#slots[this.#head + 1] = undefined;
    this.#head = (this.#head + 2) & (this.#slots.length - 1);
    this.size -= 1;
    if (this.size === 0 && this.#slots.length > SLOTS_KEPT_MAX) {
      this.#slots = new Array(8);
      this.#head = 0;
    }
  }

  some(test: (first: A, second: B) => boolean): boolean {
    const mask = this.#slots.length - 1;
    for (let left = this.size, at = this.#head; left > 0; left -= 1, at = (at + 2) & mask) {
      if (test(this.#slots[at] as A, this.#slots[at + 1] as B)) return true;
    }
    return false;
  }

  #grow(): void {
    const { length } = this.#slots;
    const next: (A | B | undefined)[] = new Array(length * 2);
    for (let at = 0; at < length; at += 1) next[at] = this.#slots[(this.#head + at) & (length - 1)];
    this.#slots = next;
    this.#head = 0;
  }
}
