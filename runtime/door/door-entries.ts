// Everything the door waits for, by number, counted by tenant: one tenant may have half of the door.
// Numbers rise, and most entries are answered soon: each has a slot by the end of its number, and
// only one whose slot is taken stands in a map.

import { ChurnMap } from "../shared/churn-map.ts";
import { Tally } from "../shared/tally.ts";
import type { Entry } from "./door-entry.ts";

/** Slots: a power of 2. */
const SLOTS = 1_024;

/** The entries of a door. */
export class DoorEntries {
  readonly #slots = new Array<Entry | null>(SLOTS).fill(null);
  readonly #others = new ChurnMap<number, Entry>();
  readonly #counts = new Tally();
  size = 0;

  /** How many are of one tenant. */
  sizeOf(tenant: string): number {
    return this.#counts.get(tenant);
  }

  get(id: number): Entry | undefined {
    const entry = this.#slots[id & (SLOTS - 1)];
    if (entry && entry.item.id === id) return entry;
    return this.#others.size === 0 ? undefined : this.#others.get(id);
  }

  add(entry: Entry): void {
    const { id } = entry.item;
    const slot = id & (SLOTS - 1);
    if (this.#slots[slot] === null) this.#slots[slot] = entry;
    else this.#others.set(id, entry);
    this.#counts.add(entry.tenant, 1);
    this.size += 1;
  }

  /** False when there is no such entry. */
  remove(id: number): boolean {
    const slot = id & (SLOTS - 1);
    let entry = this.#slots[slot];
    if (entry && entry.item.id === id) {
      this.#slots[slot] = null;
    } else {
      entry = this.#others.get(id);
      if (entry === undefined) return false;
      this.#others.delete(id);
    }
    this.#counts.add(entry.tenant, -1);
    this.size -= 1;
    return true;
  }

  /** In any order; what is removed meanwhile is left out. */
  *values(): Generator<Entry> {
    for (const entry of this.#slots) if (entry) yield entry;
    yield* this.#others.values();
  }

  /** In the order of their numbers, as they are now. */
  inOrder(): Entry[] {
    return [...this.values()].sort((a, b) => a.item.id - b.item.id);
  }

  clear(): void {
    this.#slots.fill(null);
    this.#others.clear();
    this.#counts.clear();
    this.size = 0;
  }
}
