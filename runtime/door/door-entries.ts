// Everything the door waits for, by number, counted by tenant: one tenant may have half of the door.

import { addressParts } from "../address.ts";
import type { DoorItem } from "../message.ts";
import type { Entry } from "./door-entry.ts";

/** The entries of a door. */
export class DoorEntries {
  readonly #entries = new Map<number, Entry>();
  readonly #counts = new Map<string, number>();

  get size(): number {
    return this.#entries.size;
  }

  /** How many are of one tenant. */
  sizeOf(tenant: string): number {
    return this.#counts.get(tenant) ?? 0;
  }

  get(id: number): Entry | undefined {
    return this.#entries.get(id);
  }

  add(entry: Entry): void {
    const tenant = tenantOf(entry.item);
    this.#entries.set(entry.item.id, entry);
    this.#counts.set(tenant, this.sizeOf(tenant) + 1);
  }

  /** False when there is no such entry. */
  remove(id: number): boolean {
    const entry = this.#entries.get(id);
    if (entry === undefined) return false;
    this.#entries.delete(id);
    const tenant = tenantOf(entry.item);
    const left = this.sizeOf(tenant) - 1;
    if (left > 0) this.#counts.set(tenant, left);
    else this.#counts.delete(tenant);
    return true;
  }

  values(): IterableIterator<Entry> {
    return this.#entries.values();
  }

  clear(): void {
    this.#entries.clear();
    this.#counts.clear();
  }
}

/** Whose an item is; "" for what belongs to nobody. */
export function tenantOf(item: DoorItem): string {
  if (item.type === "follow" || item.type === "control") return item.tenant;
  return item.type === "drop" ? "" : addressParts(item.to).tenant;
}
