// What one connection has written and not yet seen committed: its reads look here first. An entry
// leaves when its commit is acknowledged and the read snapshot has been renewed.

import { ChurnMap } from "../shared/churn-map.ts";
import { decodeCounter, encode } from "./codec.ts";
import type { Batch, Range, Row, StoreOp } from "./store.ts";

/** Reads of what is committed, at once. */
export interface Base {
  get(key: string): Uint8Array | undefined;
  range(range: Range): readonly Row[];
}

/** The newest pending write of a key; no value: removed. `adds` keeps a counter's parts by batch. */
interface Entry {
  value: Uint8Array | undefined;
  sequence: number;
  adds: { readonly sequence: number; readonly delta: number }[] | undefined;
  base: number;
}

/** Pending writes of one connection over committed rows. */
export class Overlay {
  readonly #base: Base;
  readonly #entries = new ChurnMap<string, Entry>();
  /** Keys in order, made when a range asks; undefined after a change of the key set. */
  #sorted: string[] | undefined;

  constructor(base: Base) {
    this.#base = base;
  }

  /** Newest value as this connection sees it. */
  get(key: string): Uint8Array | undefined {
    const entry = this.#entries.size === 0 ? undefined : this.#entries.get(key);
    return entry === undefined ? this.#base.get(key) : entry.value;
  }

  /** Merged rows; asks the base for as many more rows as entries could hide. */
  range(range: Range): readonly Row[] {
    const pending = this.#between(range);
    if (pending.length === 0) return this.#base.range(range);
    const committed = this.#base.range({ ...range, limit: range.limit + pending.length });
    const isBefore = range.reverse === true ? isAfter : isLess;
    const rows: Row[] = [];
    let at = 0;
    for (const key of pending) {
      for (
        let row = committed[at];
        row !== undefined && isBefore(row.key, key);
        row = committed[at]
      ) {
        rows.push(row);
        at += 1;
      }
      if (committed[at]?.key === key) at += 1;
      const value = this.#entries.get(key)?.value;
      if (value !== undefined) rows.push({ key, value });
    }
    rows.push(...committed.slice(at, at + range.limit));
    return rows.length > range.limit ? rows.slice(0, range.limit) : rows;
  }

  /** Takes the writes of a batch sent under `sequence`. */
  apply(batch: Batch, sequence: number): void {
    for (const op of batch.ops) {
      if (op.op === "add") this.#add(op.key, op.delta, sequence);
      else this.#set(op.key, writtenBy(op), sequence);
    }
  }

  /** Forgets a committed batch; `counters` are the sums it committed. The snapshot must be renewed. */
  settle(batch: Batch, sequence: number, counters: ReadonlyMap<string, number>): void {
    for (const op of batch.ops) {
      const entry = this.#entries.get(op.key);
      if (entry === undefined) continue;
      if (entry.sequence === sequence) this.#delete(op.key);
      else if (entry.adds !== undefined) settleAdds(entry, sequence, counters.get(op.key));
    }
  }

  /** Forgets everything. */
  clear(): void {
    this.#entries.clear();
    this.#sorted = undefined;
  }

  #set(key: string, value: Uint8Array | undefined, sequence: number): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) {
      this.#entries.set(key, { value, sequence, adds: undefined, base: 0 });
      this.#sorted = undefined;
    } else {
      entry.value = value;
      entry.sequence = sequence;
      entry.adds = undefined;
    }
  }

  /**
   * The base of a counter is read when its first add is sent and replaced by the committed sums:
   * a later snapshot may or may not hold the pending adds already, and would count them twice.
   */
  #add(key: string, delta: number, sequence: number): void {
    const entry = this.#entries.get(key);
    const adds = entry?.adds ?? [];
    const base = entry?.adds === undefined ? decodeCounter(this.get(key)) : entry.base;
    this.#set(key, undefined, sequence);
    const kept = this.#entries.get(key);
    if (kept === undefined) return;
    kept.adds = [...adds, { sequence, delta }];
    kept.base = base;
    kept.value = sumOf(kept);
  }

  #delete(key: string): void {
    this.#entries.delete(key);
    this.#sorted = undefined;
  }

  #between(range: Range): readonly string[] {
    if (this.#entries.size === 0) return [];
    this.#sorted ??= [...this.#entries.keys()].sort(compare);
    const keys = this.#sorted.slice(
      lowerBound(this.#sorted, range.from),
      lowerBound(this.#sorted, range.to),
    );
    return range.reverse === true ? keys.reverse() : keys;
  }
}

function settleAdds(entry: Entry, sequence: number, sum: number | undefined): void {
  entry.adds = entry.adds?.filter((add) => add.sequence > sequence);
  if (sum !== undefined) entry.base = sum;
  entry.value = sumOf(entry);
}

function sumOf(entry: Entry): Uint8Array {
  return encode((entry.adds ?? []).reduce((sum, add) => sum + add.delta, entry.base));
}

function writtenBy(op: Exclude<StoreOp, { op: "add" }>): Uint8Array | undefined {
  return op.op === "remove" ? undefined : op.value;
}

const isLess = (left: string, right: string): boolean => left < right;
const isAfter = (left: string, right: string): boolean => left > right;
const compare = (left: string, right: string): number => (left < right ? -1 : 1);

/** Index of the first key that is not before `key`. */
export function lowerBound(sorted: readonly string[], key: string): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] ?? "") < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
