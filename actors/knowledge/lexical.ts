// Postings in memory: of a small collection, or of what a large one has got since its last merge.

import { type LexicalHit, type LexicalPart, type Postings, searchLexical } from "./bm25.ts";
import { countsOf, lexicalLimits, termsOf } from "./terms.ts";

const POSTING_BYTES = 16;
const TERM_BYTES = 100;
/** Ordinals of removed chunks are taken back when there are more of them than of others, and these. */
const GONE_MAX = 1_024;

/** Postings of chunks. Slots are numbers that the caller gives, each once. */
export interface LexicalIndex extends LexicalPart {
  add(slot: number, text: string): void;
  /** `text` is what `add` was given. */
  remove(slot: number, text: string): void;
  /** Of these chunks alone. */
  search(query: string, limit: number): readonly LexicalHit[];
  /** Estimated memory. */
  bytes(): number;
}

/** An empty index. */
export function createLexicalIndex(): LexicalIndex {
  return new MemoryPostings();
}

class MemoryPostings implements LexicalIndex {
  total = 0;
  lengthSum = 0;
  scratch = new Float64Array(0);
  /** By ordinal; longer than there are. */
  lengths = new Uint32Array(0);
  /** Per term: ordinal, count, ordinal, count ... in growing order of ordinal. */
  readonly #postings = new Map<string, number[]>();
  /** By ordinal. */
  #slots: number[] = [];
  readonly #ordinals = new Map<number, number>();
  #pairs = 0;

  get capacity(): number {
    return this.#slots.length;
  }

  slotOf(ordinal: number): number {
    return this.#slots[ordinal] ?? 0;
  }

  read(term: string): Postings | undefined {
    const row = this.#postings.get(term);
    if (row === undefined) return undefined;
    const size = row.length / 2;
    const ordinals = new Uint32Array(size);
    const counts = new Uint16Array(size);
    for (let at = 0; at < size; at += 1) {
      ordinals[at] = row[at * 2] ?? 0;
      counts[at] = row[at * 2 + 1] ?? 0;
    }
    return { size, ordinals, counts };
  }

  add(slot: number, text: string): void {
    const terms = termsOf(text, lexicalLimits.textWords);
    const ordinal = this.#slots.length;
    this.#slots.push(slot);
    if (ordinal >= this.lengths.length) this.#grow();
    this.lengths[ordinal] = terms.length;
    this.#ordinals.set(slot, ordinal);
    this.total += 1;
    this.lengthSum += terms.length;
    for (const [term, count] of countsOf(terms)) {
      const row = this.#postings.get(term);
      if (row === undefined) this.#postings.set(term, [ordinal, count]);
      else row.push(ordinal, count);
      this.#pairs += 1;
    }
  }

  remove(slot: number, text: string): void {
    const ordinal = this.#ordinals.get(slot);
    if (ordinal === undefined) return;
    const terms = termsOf(text, lexicalLimits.textWords);
    this.#ordinals.delete(slot);
    this.total -= 1;
    this.lengthSum -= terms.length;
    for (const term of new Set(terms)) {
      const row = this.#postings.get(term);
      const at = row === undefined ? -1 : placeOf(row, ordinal);
      if (row === undefined || at < 0) continue;
      row.splice(at, 2);
      this.#pairs -= 1;
      if (row.length === 0) this.#postings.delete(term);
    }
    const gone = this.#slots.length - this.total;
    if (gone > GONE_MAX && gone > this.total) this.#renumber();
  }

  search(query: string, limit: number): readonly LexicalHit[] {
    return searchLexical([this], query, limit);
  }

  bytes(): number {
    return this.#pairs * POSTING_BYTES + this.#postings.size * TERM_BYTES;
  }

  #grow(): void {
    const lengths = new Uint32Array(Math.max(64, this.#slots.length * 2));
    lengths.set(this.lengths);
    this.lengths = lengths;
    this.scratch = new Float64Array(lengths.length);
  }

  /** The order of ordinals stays, so that rows need no sorting. */
  #renumber(): void {
    const renumbered = new Map<number, number>();
    const kept = [...this.#ordinals].sort(([, a], [, b]) => a - b);
    this.lengths.set(kept.map(([, ordinal]) => this.lengths[ordinal] ?? 0));
    this.#slots = kept.map(([slot]) => slot);
    for (const [at, [slot, ordinal]] of kept.entries()) {
      renumbered.set(ordinal, at);
      this.#ordinals.set(slot, at);
    }
    for (const row of this.#postings.values()) {
      for (let at = 0; at < row.length; at += 2) row[at] = renumbered.get(row[at] ?? 0) ?? 0;
    }
  }
}

/** Place of an ordinal's pair in a row, -1 when it is not there. */
function placeOf(row: readonly number[], ordinal: number): number {
  let low = 0;
  let high = row.length / 2 - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const there = row[middle * 2] ?? 0;
    if (there === ordinal) return middle * 2;
    if (there < ordinal) low = middle + 1;
    else high = middle - 1;
  }
  return -1;
}
