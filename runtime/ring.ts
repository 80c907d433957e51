// A first-in-first-out queue without the cost of Array.shift on long arrays.

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
