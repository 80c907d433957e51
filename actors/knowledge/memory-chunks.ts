// Chunks in memory: all of a small collection, or what a large one has got since its last merge.
// Found by exact comparison of vectors and by their own postings.

import { createLexicalIndex, type LexicalIndex } from "./lexical.ts";
import { dot, type IndexedChunk, searchText } from "./retrieve.ts";
import type { NearHit } from "./segment.ts";

const CHUNK_BYTES = 400;

/** So many times what is wanted are gathered before they are sorted. */
const SORTED_SHARE = 4;

const nearestFirst = (a: NearHit, b: NearHit): number =>
  b.similarity - a.similarity || a.slot - b.slot;

/** Chunks by slot. */
export interface MemoryChunks {
  readonly count: number;
  readonly lexical: LexicalIndex;
  /** A slot that is there stays as it is. */
  add(slot: number, chunk: IndexedChunk): void;
  remove(slot: number): void;
  get(slot: number): IndexedChunk | undefined;
  slots(): Iterable<number>;
  /** Nearest first, at most `limit`. */
  nearest(
    vector: Float32Array,
    limit: number,
    isWanted: (slot: number) => boolean,
  ): readonly NearHit[];
  /** Estimated memory. */
  bytes(): number;
}

/** No chunks. */
export function createMemoryChunks(): MemoryChunks {
  return new Chunks();
}

class Chunks implements MemoryChunks {
  readonly lexical = createLexicalIndex();
  readonly #chunks = new Map<number, IndexedChunk>();
  #bytes = 0;

  get count(): number {
    return this.#chunks.size;
  }

  add(slot: number, chunk: IndexedChunk): void {
    if (this.#chunks.has(slot)) return;
    this.#chunks.set(slot, chunk);
    this.lexical.add(slot, searchText(chunk));
    this.#bytes += bytesOf(chunk);
  }

  remove(slot: number): void {
    const chunk = this.#chunks.get(slot);
    if (chunk === undefined) return;
    this.#chunks.delete(slot);
    this.lexical.remove(slot, searchText(chunk));
    this.#bytes -= bytesOf(chunk);
  }

  get(slot: number): IndexedChunk | undefined {
    return this.#chunks.get(slot);
  }

  slots(): Iterable<number> {
    return this.#chunks.keys();
  }

  nearest(
    vector: Float32Array,
    limit: number,
    isWanted: (slot: number) => boolean,
  ): readonly NearHit[] {
    const hits: NearHit[] = [];
    let least = Number.NEGATIVE_INFINITY;
    for (const [slot, chunk] of this.#chunks) {
      if (chunk.vector.length === 0) continue;
      const similarity = dot(chunk.vector, vector);
      if (similarity < least || !isWanted(slot)) continue;
      hits.push({ slot, similarity });
      if (hits.length < limit * SORTED_SHARE) continue;
      // Sorting all takes as long as comparing all: what is not among the best so far never is.
      hits.sort(nearestFirst).length = limit;
      least = hits.at(-1)?.similarity ?? least;
    }
    return hits.sort(nearestFirst).slice(0, limit);
  }

  bytes(): number {
    return this.#bytes + this.lexical.bytes();
  }
}

function bytesOf(chunk: IndexedChunk): number {
  return CHUNK_BYTES + chunk.text.length * 2 + chunk.vector.byteLength;
}
