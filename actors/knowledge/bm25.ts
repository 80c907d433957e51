// BM25 over postings that lie in several parts, with exactly the scores of one index: counts of all
// parts come first, then every chunk is scored with them. Pure but for the parts' own scratch memory.

import { Best } from "./best.ts";
import { countsOf, isPart, PART_WEIGHT, queryTermsOf } from "./terms.ts";

/** Okapi BM25 with the usual constants (Robertson and Zaragoza, 2009). */
const BM25 = { k1: 1.2, b: 0.75 } as const;

/** Of a word that a chunk has in another form, as far as its parts tell, so much counts as there. */
const COVERED_BY_PARTS = 0.6;

/** A chunk that shares words with the question. */
export interface LexicalHit {
  readonly slot: number;
  readonly score: number;
  /** Part of the score that its neighbours have brought or taken; see `smoothing.ts`. */
  readonly neighbours?: number;
  /** Share of the question's words that it has, weighted by rarity, 0..1. */
  readonly coverage: number;
}

/**
 * Which chunks have a term, and how often: the first `size` places of both, ordinals growing. A text
 * has too few words for a count of more than 16 bits.
 */
export interface Postings {
  readonly size: number;
  readonly ordinals: Uint32Array;
  readonly counts: Uint16Array;
}

/** Postings of some chunks of a collection. A chunk has an ordinal within its part. */
export interface LexicalPart {
  /** Chunks that count, and the sum of their lengths in terms. */
  readonly total: number;
  readonly lengthSum: number;
  /** Ordinals are below this. */
  readonly capacity: number;
  slotOf(ordinal: number): number;
  /** Terms of each chunk, by ordinal. */
  readonly lengths: Uint32Array;
  /** Only chunks that count. The answer is good until chunks are added or removed. */
  read(term: string): Postings | undefined;
  /** At least `capacity` zeros, to be left so. */
  readonly scratch: Float64Array;
}

/** A term that was looked up: its postings in each part, and what it weighs. */
interface Found {
  readonly postings: readonly (Postings | undefined)[];
  readonly rarity: number;
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
  const found = new Map<string, Found>();
  const take = (term: string, weight: number): void => {
    const postings = parts.map((part) => part.read(term));
    const documents = postings.reduce((sum, one) => sum + (one?.size ?? 0), 0);
    const rarity = rarityOf(term, documents, total);
    found.set(term, { postings, rarity });
    for (const [at, part] of parts.entries()) {
      const one = postings[at];
      if (one !== undefined) accumulate(part, one, rarity * weight, mean);
    }
  };
  const terms = queryTermsOf(query);
  for (const [term, repeats] of countsOf(terms)) take(term, repeats);
  const asked = askedWords(terms, found);
  for (const [term, weight] of added) take(term, weight);
  const best = new Best(limit);
  const read = [...found.values()];
  for (const [at, part] of parts.entries()) collect(part, at, read, best, isWanted);
  const mass = asked.reduce((sum, { whole }) => sum + whole.rarity, 0) || 1;
  return best.sorted().map(({ slot, score, part, ordinal }) => ({
    slot,
    score,
    coverage: coveredBy(asked, part, ordinal) / mass,
  }));
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
  return isPart(term) ? rarity * PART_WEIGHT : rarity;
}

function accumulate(
  { scratch: scores, lengths }: LexicalPart,
  { size, ordinals, counts }: Postings,
  weight: number,
  mean: number,
): void {
  const most = weight * (BM25.k1 + 1);
  const least = BM25.k1 * (1 - BM25.b);
  const byLength = (BM25.k1 * BM25.b) / mean;
  for (let at = 0; at < size; at += 1) {
    const ordinal = ordinals[at] ?? 0;
    const count = counts[at] ?? 0;
    const norm = least + byLength * (lengths[ordinal] ?? 0);
    scores[ordinal] = (scores[ordinal] ?? 0) + (most * count) / (count + norm);
  }
}

/** Takes the best scores of a part and leaves zeros. */
function collect(
  part: LexicalPart,
  at: number,
  found: readonly Found[],
  best: Best,
  isWanted: ((slot: number) => boolean) | undefined,
): void {
  const { scratch: scores, capacity } = part;
  const look = (ordinal: number): void => {
    const score = scores[ordinal] ?? 0;
    scores[ordinal] = 0;
    if (score === 0 || score < best.least) return;
    const slot = part.slotOf(ordinal);
    if (isWanted === undefined || isWanted(slot)) best.take(score, slot, at, ordinal);
  };
  const read = found.flatMap(({ postings }) => postings[at] ?? []);
  // Where few chunks are found, to go through all of them takes longer than finding them.
  if (read.reduce((sum, { size }) => sum + size, 0) < capacity) {
    for (const { size, ordinals } of read) {
      for (let place = 0; place < size; place += 1) look(ordinals[place] ?? 0);
    }
  } else for (let ordinal = 0; ordinal < capacity; ordinal += 1) look(ordinal);
}

/** A word of a question: its term, and its parts. */
interface AskedWord {
  readonly whole: Found;
  readonly parts: readonly Found[];
}

/** In a list of terms, parts follow the whole that they are of. */
function askedWords(terms: readonly string[], found: ReadonlyMap<string, Found>): AskedWord[] {
  const words = new Map<string, { readonly whole: Found; readonly parts: Found[] }>();
  let word: { readonly whole: Found; readonly parts: Found[] } | undefined;
  for (const term of terms) {
    const one = found.get(term);
    if (one === undefined) continue;
    if (isPart(term)) word?.parts.push(one);
    else {
      word = words.get(term) ?? { whole: one, parts: [] };
      words.set(term, word);
    }
  }
  return [...words.values()];
}

/** What the words weigh that a chunk has; of a word whose parts alone are there, a share. */
function coveredBy(asked: readonly AskedWord[], part: number, ordinal: number): number {
  const has = ({ postings }: Found): boolean => {
    const one = postings[part];
    return one !== undefined && hasOrdinal(one, ordinal);
  };
  let covered = 0;
  for (const { whole, parts } of asked) {
    if (has(whole)) {
      covered += whole.rarity;
      continue;
    }
    let [all, there] = [0, 0];
    for (const one of parts) {
      all += one.rarity;
      if (has(one)) there += one.rarity;
    }
    if (there > 0) covered += (COVERED_BY_PARTS * whole.rarity * there) / all;
  }
  return covered;
}

function hasOrdinal({ size, ordinals }: Postings, ordinal: number): boolean {
  let low = 0;
  let high = size - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const there = ordinals[middle] ?? 0;
    if (there === ordinal) return true;
    if (there < ordinal) low = middle + 1;
    else high = middle - 1;
  }
  return false;
}
