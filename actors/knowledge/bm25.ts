// BM25 over postings that lie in several parts, with exactly the scores of one index: counts of all
// parts come first, then every chunk is scored with them. Pure but for the parts' own scratch memory.

import { countsOf, lexicalLimits, PREFIX, termsOf } from "./terms.ts";

/** Okapi BM25 with the usual constants (Robertson and Zaragoza, 2009). */
const BM25 = { k1: 1.2, b: 0.75 } as const;

/** A chunk that shares words with the question. */
export interface LexicalHit {
  readonly slot: number;
  readonly score: number;
  /** Share of the question's words that it has, weighted by rarity, 0..1. */
  readonly coverage: number;
}

/** Which chunks have a term, and how often: the first `size` places of both. */
export interface Postings {
  readonly size: number;
  readonly ordinals: ArrayLike<number>;
  readonly counts: ArrayLike<number>;
}

/** Postings of some chunks of a collection. A chunk has an ordinal within its part. */
export interface LexicalPart {
  /** Chunks that count, and the sum of their lengths in terms. */
  readonly total: number;
  readonly lengthSum: number;
  /** Ordinals are below this. */
  readonly capacity: number;
  slotOf(ordinal: number): number;
  lengthOf(ordinal: number): number;
  /** Only chunks that count. The answer is good until the next call. */
  read(term: string): Postings | undefined;
  /** Two arrays of zeros of at least `capacity` numbers, to be left so. */
  readonly scratch: { readonly scores: Float64Array; readonly covered: Float64Array };
}

/**
 * Best first, at most `limit`; [] when nothing is shared.
 * @param isWanted leaves out what a filter does not match; it changes no score.
 * @param added terms beside the question's, with their weights; they are not of its coverage.
 */
export function searchLexical(
  parts: readonly LexicalPart[],
  query: string,
  limit: number,
  isWanted?: (slot: number) => boolean,
  added: ReadonlyMap<string, number> = NONE,
): LexicalHit[] {
  const total = parts.reduce((sum, part) => sum + part.total, 0);
  const mean = parts.reduce((sum, part) => sum + part.lengthSum, 0) / Math.max(1, total);
  let mass = 0;
  const take = (term: string, weight: number, isAsked: boolean): void => {
    const found = parts.map((part) => part.read(term));
    const documents = found.reduce((sum, postings) => sum + (postings?.size ?? 0), 0);
    const idf = rarityOf(term, documents, total);
    if (isAsked) mass += idf;
    for (const [at, part] of parts.entries()) {
      const postings = found[at];
      if (postings === undefined) continue;
      accumulate(part, postings, { score: idf * weight, covers: isAsked ? idf : 0, mean });
    }
  };
  for (const [term, repeats] of countsOf(termsOf(query, lexicalLimits.queryWords))) {
    take(term, repeats, true);
  }
  for (const [term, weight] of added) take(term, weight, false);
  const best = new Best(limit);
  for (const part of parts) collect(part, mass || 1, best, isWanted);
  return best.hits();
}

const NONE: ReadonlyMap<string, number> = new Map();

/** Chunks that have a term, and what it weighs. */
export function rarityIn(
  parts: readonly LexicalPart[],
  term: string,
): { readonly documents: number; readonly rarity: number } {
  const total = parts.reduce((sum, part) => sum + part.total, 0);
  const documents = parts.reduce((sum, part) => sum + (part.read(term)?.size ?? 0), 0);
  return { documents, rarity: rarityOf(term, documents, total) };
}

function rarityOf(term: string, documents: number, total: number): number {
  const rarity = Math.log(1 + (total - documents + 0.5) / (documents + 0.5));
  return term.endsWith("-") ? rarity * PREFIX.weight : rarity;
}

function accumulate(
  part: LexicalPart,
  { size, ordinals, counts }: Postings,
  { score, covers, mean }: { score: number; covers: number; mean: number },
): void {
  const { scores, covered } = part.scratch;
  const most = score * (BM25.k1 + 1);
  const least = BM25.k1 * (1 - BM25.b);
  const byLength = (BM25.k1 * BM25.b) / mean;
  for (let at = 0; at < size; at += 1) {
    const ordinal = ordinals[at] ?? 0;
    const count = counts[at] ?? 0;
    const norm = least + byLength * part.lengthOf(ordinal);
    scores[ordinal] = (scores[ordinal] ?? 0) + (most * count) / (count + norm);
    covered[ordinal] = (covered[ordinal] ?? 0) + covers;
  }
}

function collect(
  part: LexicalPart,
  mass: number,
  best: Best,
  isWanted: ((slot: number) => boolean) | undefined,
): void {
  const { scores, covered } = part.scratch;
  for (let ordinal = 0; ordinal < part.capacity; ordinal += 1) {
    const score = scores[ordinal] ?? 0;
    if (score === 0 || score < best.least) continue;
    const slot = part.slotOf(ordinal);
    if (isWanted !== undefined && !isWanted(slot)) continue;
    best.take({ slot, score, coverage: (covered[ordinal] ?? 0) / mass });
  }
  scores.fill(0, 0, part.capacity);
  covered.fill(0, 0, part.capacity);
}

/** The best of many, by score and then by slot. */
class Best {
  readonly #limit: number;
  #hits: LexicalHit[] = [];
  /** What has less is not among the best. */
  least = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  take(hit: LexicalHit): void {
    this.#hits.push(hit);
    if (this.#hits.length >= this.#limit * 2) this.#cut();
  }

  hits(): LexicalHit[] {
    this.#cut();
    return this.#hits;
  }

  #cut(): void {
    this.#hits.sort((a, b) => b.score - a.score || a.slot - b.slot);
    this.#hits.length = Math.min(this.#hits.length, this.#limit);
    if (this.#hits.length === this.#limit) this.least = this.#hits.at(-1)?.score ?? 0;
  }
}
