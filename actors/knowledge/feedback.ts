// Relevance feedback without a user (Rocchio, 1971; RM3, Lavrenko and Croft, 2001): where many chunks
// answer a question about equally well, the words that the best of them share find more. Where one
// stands out it is the answer, and its words would only lead away from it. Pure.

import { type LexicalHit, type LexicalPart, rarityIn, searchLexical } from "./bm25.ts";
import { type IndexedChunk, searchText } from "./retrieve.ts";
import { countsOf, isPart, lexicalLimits, queryTermsOf, termsOf } from "./terms.ts";

/** Constants of feedback. */
export const feedbackLimits = {
  /** Chunks whose words are taken: most of what a search again costs is to cut them into words. */
  chunks: 3,
  /** Words that are added; twice as many are weighed by how rare they are. */
  terms: 20,
  /** Part of the question that the added words become at most. */
  shareMax: 0.5,
  /** Score of the `evenAt`th hit by that of the first: below, one stands out; above, all are alike. */
  evenAt: 10,
  even: { from: 0.4, to: 0.6 },
  /** In larger collections the second search costs more than it finds. */
  totalMax: 20_000,
} as const;

/** Whether the collection is small enough for a second search. */
export function mayAskAgain(parts: readonly LexicalPart[]): boolean {
  return parts.reduce((sum, part) => sum + part.total, 0) <= feedbackLimits.totalMax;
}

/** How equally well the best answer, 0: one stands out, 1: all are alike. */
export function evennessOf(parts: readonly LexicalPart[], hits: readonly LexicalHit[]): number {
  const { even, evenAt } = feedbackLimits;
  if (!mayAskAgain(parts)) return 0;
  const [first] = hits;
  const other = hits[evenAt - 1];
  if (first === undefined || other === undefined) return 0;
  const evenness = (other.score / first.score - even.from) / (even.to - even.from);
  return Math.min(1, Math.max(0, evenness));
}

/** Slots of the chunks whose words would be taken; [] when none would. */
export function feedbackFrom(
  parts: readonly LexicalPart[],
  hits: readonly LexicalHit[],
): readonly number[] {
  if (evennessOf(parts, hits) === 0) return [];
  return hits.slice(0, feedbackLimits.chunks).map(({ slot }) => slot);
}

/**
 * Searches again with the words of the best; undefined when they have none to add. Coverage stays
 * that of the question alone.
 * @param hits of the question without a filter.
 * @param chunks of `feedbackFrom`, undefined for one that was replaced.
 */
export function searchAgain(
  parts: readonly LexicalPart[],
  query: string,
  hits: readonly LexicalHit[],
  chunks: readonly (IndexedChunk | undefined)[],
  { limit, isWanted }: { readonly limit: number; isWanted?(slot: number): boolean },
): readonly LexicalHit[] | undefined {
  const share = feedbackLimits.shareMax * evennessOf(parts, hits);
  const added = addedTerms(parts, hits, chunks);
  let sum = 0;
  for (const weight of added.values()) sum += weight;
  if (share === 0 || sum === 0) return undefined;
  const asked = queryTermsOf(query).length;
  const scale = ((share / (1 - share)) * asked) / sum;
  for (const [term, weight] of added) added.set(term, weight * scale);
  return searchLexical(parts, query, limit, isWanted, added);
}

/** Words by how often the best have them, for their length, and how rare they are elsewhere. */
function addedTerms(
  parts: readonly LexicalPart[],
  hits: readonly LexicalHit[],
  chunks: readonly (IndexedChunk | undefined)[],
): Map<string, number> {
  const weights = new Map<string, number>();
  for (const [at, chunk] of chunks.entries()) {
    if (chunk === undefined) continue;
    const terms = termsOf(searchText(chunk), lexicalLimits.textWords);
    const each = (hits[at]?.score ?? 0) / Math.max(1, terms.length);
    for (const [term, count] of countsOf(terms)) {
      // The whole word is there too, and half the chunks have some word that begins so.
      if (isPart(term)) continue;
      weights.set(term, (weights.get(term) ?? 0) + each * count);
    }
  }
  const frequent = best(weights, feedbackLimits.terms * 2);
  const weighed = new Map<string, number>();
  for (const [term, weight] of frequent) {
    const { documents, rarity } = rarityIn(parts, term);
    // What no other chunk has finds nothing.
    if (documents > 1) weighed.set(term, weight * rarity);
  }
  return new Map(best(weighed, feedbackLimits.terms));
}

function best(weights: ReadonlyMap<string, number>, most: number): [string, number][] {
  return [...weights].sort(([, a], [, b]) => b - a).slice(0, most);
}
