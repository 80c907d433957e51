// BM25 over stems: which chunks share the rare words of a question. Scripts without spaces are
// indexed by neighbouring pairs of characters, because a tokenizer that waits for spaces finds
// nothing in them.

import { stem } from "../text/stem.ts";
import { isStopWord } from "../text/stop-words.ts";
import { wordsOf } from "../text/words.ts";

/** Okapi BM25 with the usual constants (Robertson and Zaragoza, 2009). */
const BM25 = { k1: 1.2, b: 0.75 } as const;

/** Words of one text that are indexed, and of one question that are looked up. */
export const lexicalLimits = { textWords: 20_000, queryWords: 200 } as const;

/** Long words are found by their start too, at a part of the weight: compounds and rare endings. */
const PREFIX = { fromChars: 7, chars: 5, weight: 0.4 } as const;

const POSTING_BYTES = 16;
const TERM_BYTES = 100;

/** A chunk that shares words with the question. */
export interface LexicalHit {
  readonly slot: number;
  readonly score: number;
  /** Share of the question's words that it has, weighted by rarity, 0..1. */
  readonly coverage: number;
}

/** Terms of a text as they are indexed; stop words left out unless there is nothing else. */
export function termsOf(text: string, wordsMax: number): string[] {
  const words = wordsOf(text, wordsMax);
  const terms: string[] = [];
  const stops: string[] = [];
  for (const [at, { text: word, dense }] of words.entries()) {
    if (!dense) {
      if (isStopWord(word)) stops.push(word);
      else {
        terms.push(stem(word));
        if (word.length >= PREFIX.fromChars) terms.push(`${word.slice(0, PREFIX.chars)}-`);
      }
      continue;
    }
    const next = words[at + 1];
    const before = words[at - 1];
    if (next?.dense === true) terms.push(word + next.text);
    else if (before?.dense !== true) terms.push(word);
  }
  return terms.length > 0 ? terms : stops;
}

/** Postings of one collection. Slots are numbers that the caller gives in growing order. */
export interface LexicalIndex {
  add(slot: number, text: string): void;
  /** `text` is what `add` was given. */
  remove(slot: number, text: string): void;
  /** Best first, at most `limit`; [] when nothing is shared. */
  search(query: string, limit: number): readonly LexicalHit[];
  /** Estimated memory. */
  bytes(): number;
}

/** An empty index. */
export function createLexicalIndex(): LexicalIndex {
  /** Per term: slot, count, slot, count ... in growing order of slot. */
  const postings = new Map<string, number[]>();
  const lengths = new Map<number, number>();
  let lengthSum = 0;
  let pairs = 0;
  return {
    add(slot, text) {
      const terms = termsOf(text, lexicalLimits.textWords);
      lengths.set(slot, terms.length);
      lengthSum += terms.length;
      for (const [term, count] of countsOf(terms)) {
        const row = postings.get(term);
        if (row === undefined) postings.set(term, [slot, count]);
        else row.push(slot, count);
        pairs += 1;
      }
    },
    remove(slot, text) {
      const terms = termsOf(text, lexicalLimits.textWords);
      if (!lengths.delete(slot)) return;
      lengthSum -= terms.length;
      for (const term of new Set(terms)) {
        const row = postings.get(term);
        const at = row === undefined ? -1 : placeOf(row, slot);
        if (row === undefined || at < 0) continue;
        row.splice(at, 2);
        pairs -= 1;
        if (row.length === 0) postings.delete(term);
      }
    },
    search: (query, limit) => searchIn(postings, lengths, lengthSum, query, limit),
    bytes: () => pairs * POSTING_BYTES + postings.size * TERM_BYTES,
  };
}

function countsOf(terms: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const term of terms) counts.set(term, (counts.get(term) ?? 0) + 1);
  return counts;
}

/** Place of a slot's pair in a row, -1 when it is not there. */
function placeOf(row: readonly number[], slot: number): number {
  let low = 0;
  let high = row.length / 2 - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const there = row[middle * 2] ?? 0;
    if (there === slot) return middle * 2;
    if (there < slot) low = middle + 1;
    else high = middle - 1;
  }
  return -1;
}

function searchIn(
  postings: ReadonlyMap<string, readonly number[]>,
  lengths: ReadonlyMap<number, number>,
  lengthSum: number,
  query: string,
  limit: number,
): LexicalHit[] {
  const total = lengths.size;
  const mean = lengthSum / Math.max(1, total);
  const scores = new Map<number, { score: number; covered: number }>();
  let mass = 0;
  for (const [term, repeats] of countsOf(termsOf(query, lexicalLimits.queryWords))) {
    const row = postings.get(term) ?? [];
    const documents = row.length / 2;
    const rarity = Math.log(1 + (total - documents + 0.5) / (documents + 0.5));
    const idf = term.endsWith("-") ? rarity * PREFIX.weight : rarity;
    mass += idf;
    for (let at = 0; at < row.length; at += 2) {
      const slot = row[at] ?? 0;
      const count = row[at + 1] ?? 0;
      const norm = 1 - BM25.b + (BM25.b * (lengths.get(slot) ?? 0)) / mean;
      const part = (idf * repeats * count * (BM25.k1 + 1)) / (count + BM25.k1 * norm);
      const hit = scores.get(slot);
      if (hit === undefined) scores.set(slot, { score: part, covered: idf });
      else {
        hit.score += part;
        hit.covered += idf;
      }
    }
  }
  return [...scores]
    .map(([slot, { score, covered }]) => ({ slot, score, coverage: covered / (mass || 1) }))
    .sort((a, b) => b.score - a.score || a.slot - b.slot)
    .slice(0, limit);
}
