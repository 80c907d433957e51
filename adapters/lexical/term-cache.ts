// Postings of a file as one thread has decoded them: a term that is asked for again is not read from
// the file again. Bounded in bytes; the longest unused goes first.

import type { Postings } from "../../actors/knowledge/bm25.ts";

/** Decoded postings of one file in one thread: those of 2.8 million words in chunks. */
export const TERM_CACHE_BYTES = 16 * 1_024 * 1_024;
const BYTES_A_POSTING = 6;
/** A term's place in the cache, besides. */
const TERM_BYTES = 300;

interface Cached {
  /** `size` grows less when chunks go; the arrays are cut where they lie. */
  readonly postings: { size: number } & Postings;
  readonly bytes: number;
  /** Removals that have been taken out of it. */
  removals: number;
}

/** Decoded postings by term. */
export class TermCache {
  readonly #bytesMax: number;
  /** In order of use, the longest unused first. */
  readonly #terms = new Map<string, Cached>();
  #bytes = 0;
  #removals = 0;

  constructor(bytesMax = TERM_CACHE_BYTES) {
    this.#bytesMax = bytesMax;
  }

  /** Memory of what it holds. */
  get bytes(): number {
    return this.#bytes;
  }

  /** A chunk does not count any more. */
  removed(): void {
    this.#removals += 1;
  }

  /** @param counts whether a chunk does, asked when some have been removed since. */
  get(term: string, counts: (ordinal: number) => boolean): Postings | undefined {
    const cached = this.#terms.get(term);
    if (cached === undefined) return undefined;
    this.#terms.delete(term);
    this.#terms.set(term, cached);
    if (cached.removals !== this.#removals) {
      cut(cached.postings, counts);
      cached.removals = this.#removals;
    }
    return cached.postings;
  }

  /** @param postings without what was removed; the cache changes their size. */
  put(term: string, postings: Postings): void {
    const bytes = TERM_BYTES + postings.ordinals.length * BYTES_A_POSTING;
    if (bytes > this.#bytesMax) return;
    this.#terms.set(term, { postings: { ...postings }, bytes, removals: this.#removals });
    this.#bytes += bytes;
    for (const [oldest, { bytes: freed }] of this.#terms) {
      if (this.#bytes <= this.#bytesMax) return;
      this.#terms.delete(oldest);
      this.#bytes -= freed;
    }
  }
}

function cut(postings: Cached["postings"], counts: (ordinal: number) => boolean): void {
  const { ordinals, counts: times } = postings;
  let size = 0;
  for (let at = 0; at < postings.size; at += 1) {
    const ordinal = ordinals[at] ?? 0;
    if (!counts(ordinal)) continue;
    ordinals[size] = ordinal;
    times[size] = times[at] ?? 0;
    size += 1;
  }
  postings.size = size;
}
