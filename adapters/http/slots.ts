// A set for things that come and go with every request: an array in which each item knows its
// place. The built-in Set rebuilds its table again and again under such churn, and its outgrown
// tables keep finished requests alive until a full collection.

/** What can be kept: it holds its own place, -1 when it is nowhere. */
export interface Slotted {
  slot: number;
}

/** An unordered set with constant-time add and remove. */
export class Slots<Item extends Slotted> {
  readonly #items: Item[] = [];

  get size(): number {
    return this.#items.length;
  }

  add(item: Item): void {
    item.slot = this.#items.length;
    this.#items.push(item);
  }

  remove(item: Item): void {
    if (item.slot === -1) return;
    const last = this.#items.pop();
    if (last !== undefined && last !== item) {
      this.#items[item.slot] = last;
      last.slot = item.slot;
    }
    item.slot = -1;
  }

  /** The items now; a copy, so that they may leave while it is walked. */
  all(): readonly Item[] {
    return [...this.#items];
  }
}
