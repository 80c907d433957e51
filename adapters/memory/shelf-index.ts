// Shelves in the memory of one thread, for searches: read when they are first asked for, kept up by
// what their heads say has changed, the longest unused dropped when there are too many bytes.

import { createMemoryChunks, type MemoryChunks } from "../../actors/knowledge/memory-chunks.ts";
import { keys, type MemoryPlace } from "../../runtime/store/keys.ts";
import type { Reader } from "../../runtime/store/store.ts";
import { entryOf, type ShelfHead, type ShelfRow } from "./rows.ts";
import { readEntry, rowsWith } from "./shelf.ts";

/** Entries of a shelf that can be searched. */
export interface ShelfIndex<Entry extends ShelfRow> {
  /** By slot, the key in `chunks`. */
  readonly entries: ReadonlyMap<number, Entry>;
  readonly chunks: MemoryChunks;
  slotOf(id: string): number | undefined;
}

/** The shelves of a thread. */
export interface ShelfIndexes<Entry extends ShelfRow> {
  /** As of this head, or later. */
  at(place: MemoryPlace, head: ShelfHead): Promise<ShelfIndex<Entry>>;
  forget(place: MemoryPlace): void;
}

/** Memory of all shelves of one kind in one thread. */
export const shelfCacheBytes = 64 * 1_024 * 1_024;

/** @param bytesMax estimated memory. */
export function createShelfIndexes<Entry extends ShelfRow>(
  reader: Reader,
  bytesMax: number = shelfCacheBytes,
): ShelfIndexes<Entry> {
  /** In order of use. */
  const cached = new Map<string, Held<Entry>>();
  const shrink = (): void => {
    let bytes = 0;
    for (const held of cached.values()) bytes += held.bytes();
    for (const [name, held] of cached) {
      // The last one is in use.
      if (bytes <= bytesMax || cached.size === 1) return;
      bytes -= held.bytes();
      cached.delete(name);
    }
  };
  return {
    async at(place, head) {
      const name = keys.memoriesIn(place);
      const known = cached.get(name);
      const held = known?.life === head.life ? known : new Held<Entry>(head.life);
      cached.delete(name);
      cached.set(name, held);
      await held.follow(reader, place, head);
      shrink();
      return held;
    },
    forget: (place) => {
      cached.delete(keys.memoriesIn(place));
    },
  };
}

class Held<Entry extends ShelfRow> implements ShelfIndex<Entry> {
  readonly life: string;
  readonly entries = new Map<number, Entry>();
  readonly chunks = createMemoryChunks();
  readonly #slots = new Map<string, number>();
  #nextSlot = 0;
  #generation = 0;
  /** One reading at a time; later callers wait for it. */
  #reading: Promise<void> = Promise.resolve();

  constructor(life: string) {
    this.life = life;
  }

  slotOf(id: string): number | undefined {
    return this.#slots.get(id);
  }

  bytes(): number {
    return this.chunks.bytes();
  }

  /** Brings it up to a head. Rows may be newer than the head: a later head says so again. */
  async follow(reader: Reader, place: MemoryPlace, head: ShelfHead): Promise<void> {
    const before = this.#reading;
    const reading = before.catch(() => undefined).then(() => this.#read(reader, place, head));
    this.#reading = reading;
    await reading;
  }

  async #read(reader: Reader, place: MemoryPlace, head: ShelfHead): Promise<void> {
    if (head.generation <= this.#generation) return;
    const first = head.changed[0]?.[0] ?? Number.POSITIVE_INFINITY;
    // The oldest generation named may have been cut: all after it are whole.
    if (this.#generation >= first) {
      const changed = head.changed.filter(([generation]) => generation > this.#generation);
      for (const id of new Set(changed.map(([, one]) => one))) {
        this.#take(id, await readEntry<Entry>(reader, place, head, id));
      }
    } else {
      const left = new Set(this.#slots.keys());
      for await (const { value } of rowsWith(reader, keys.memoriesIn(place))) {
        const row = entryOf<Entry>(value);
        if (row.life !== this.life) continue;
        left.delete(row.id);
        this.#take(row.id, row);
      }
      for (const id of left) this.#take(id, undefined);
    }
    this.#generation = head.generation;
  }

  #take(id: string, row: Entry | undefined): void {
    const slot = this.#slots.get(id);
    if (slot !== undefined) {
      const known = this.entries.get(slot);
      if (row !== undefined && known?.text === row.text && isSame(known.vector, row.vector)) {
        this.entries.set(slot, row);
        return;
      }
      this.chunks.remove(slot);
      this.entries.delete(slot);
      this.#slots.delete(id);
    }
    if (row === undefined) return;
    const at = this.#nextSlot;
    this.#nextSlot += 1;
    this.#slots.set(id, at);
    this.entries.set(at, row);
    this.chunks.add(at, {
      documentId: id,
      documentTitle: "",
      chunkId: id,
      text: row.text,
      headings: [],
      span: [0, 0],
      metadata: {},
      vector: row.vector,
    });
  }
}

function isSame(left: Float32Array, right: Float32Array): boolean {
  return left.length === right.length && left.every((value, at) => value === right[at]);
}
