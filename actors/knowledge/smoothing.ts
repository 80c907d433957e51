// Scores smoothed over neighbours (Diaz, 2005): texts that are alike answer the same questions, so that
// a chunk whose like score well is likelier to answer than its own words tell. As with feedback, only
// where many chunks answer about equally well. Pure.

import type { LexicalHit, LexicalPart } from "./bm25.ts";
import { evennessOf } from "./feedback.ts";

/** Constants of smoothing. */
export const smoothingLimits = {
  /**
   * The best so many are smoothed, over one another. Each is compared with each: that takes as long as
   * to compare a question with 1,225 chunks, whatever the size of the collection.
   */
  hits: 50,
  /** Of these, those most alike. */
  neighbours: 8,
  /** Part of a score that is its neighbours' at most. */
  shareMax: 0.4,
  /** In larger collections vectors are in files, and to read them costs more than it finds. */
  totalMax: 4_096,
} as const;

/** How much neighbours count, 0: not at all, 1: most. @param hits the first search's. */
export function smoothingFor(parts: readonly LexicalPart[], hits: readonly LexicalHit[]): number {
  const total = parts.reduce((sum, part) => sum + part.total, 0);
  return total > smoothingLimits.totalMax ? 0 : evennessOf(parts, hits);
}

/** A score by the neighbours of its chunk. */
export interface Smoothed {
  readonly score: number;
  /** What that is more than the score of the chunk alone. */
  readonly neighbours: number;
}

/**
 * The scores of the best by slot. None is below that of the last of them, so that those which are not
 * among them stay behind.
 * @param hits of the question without a filter, best first.
 * @param vectors of the first `smoothingLimits.hits`, of length 1; one without numbers is like no other.
 * @param evenness of `smoothingFor`.
 */
export function smoothedScores(
  hits: readonly LexicalHit[],
  vectors: readonly Float32Array[],
  evenness: number,
): ReadonlyMap<number, Smoothed> {
  const best = hits.slice(0, Math.min(smoothingLimits.hits, vectors.length));
  const likeness = likenessOf(vectors.slice(0, best.length));
  const share = smoothingLimits.shareMax * evenness;
  const nearest = new Nearest();
  const smoothed = new Map<number, Smoothed>();
  for (const [at, { slot, score }] of best.entries()) {
    const mean = nearest.meanOf(best, likeness, at);
    const neighbours = mean === undefined ? 0 : share * (mean - score);
    smoothed.set(slot, { score: score + neighbours, neighbours });
  }
  return smoothed;
}

/** Hits, with or without a filter, by these scores, best first. */
export function bySmoothed(
  hits: readonly LexicalHit[],
  scores: ReadonlyMap<number, Smoothed>,
): readonly LexicalHit[] {
  return hits
    .map((hit) => ({ ...hit, ...scores.get(hit.slot) }))
    .sort((a, b) => b.score - a.score || a.slot - b.slot);
}

/** Of each with each, row by row; 0 with itself and with one without numbers. */
function likenessOf(vectors: readonly Float32Array[]): Float64Array {
  const { length } = vectors;
  const longest = vectors.reduce((most, vector) => Math.max(most, vector.length), 0);
  const dimension = longest + (longest % 2);
  // One after the other, to be compared in one loop over plain numbers.
  const numbers = new Float64Array(length * dimension);
  for (const [at, vector] of vectors.entries()) numbers.set(vector, at * dimension);
  const likeness = new Float64Array(length * length);
  for (let at = 1; at < length; at += 1) {
    for (let to = 0; to < at; to += 1) {
      const value = product(numbers, at * dimension, to * dimension, dimension);
      likeness[at * length + to] = value;
      likeness[to * length + at] = value;
    }
  }
  return likeness;
}

/** Of so many numbers from two places on; in sums that do not wait for one another. */
function product(numbers: Float64Array, left: number, right: number, count: number): number {
  let even = 0;
  let odd = 0;
  for (let at = 0; at < count; at += 2) {
    even += (numbers[left + at] ?? 0) * (numbers[right + at] ?? 0);
    odd += (numbers[left + at + 1] ?? 0) * (numbers[right + at + 1] ?? 0);
  }
  return even + odd;
}

/** The most alike of one, in arrays of numbers: lists of objects took twice as long as comparing. */
class Nearest {
  readonly #likeness = new Float64Array(smoothingLimits.neighbours);
  readonly #places = new Uint32Array(smoothingLimits.neighbours);
  #size = 0;

  /** Mean score of those most like `one`, by how much they are; undefined when none is. */
  meanOf(hits: readonly LexicalHit[], likeness: Float64Array, one: number): number | undefined {
    const { length } = hits;
    this.#size = 0;
    for (let at = 0; at < length; at += 1) {
      const value = likeness[one * length + at] ?? 0;
      if (value > 0) this.#take(value, at);
    }
    let [sum, weights] = [0, 0];
    for (let at = 0; at < this.#size; at += 1) {
      const weight = this.#likeness[at] ?? 0;
      sum += weight * (hits[this.#places[at] ?? 0]?.score ?? 0);
      weights += weight;
    }
    return weights === 0 ? undefined : sum / weights;
  }

  #take(value: number, place: number): void {
    const isFull = this.#size === smoothingLimits.neighbours;
    if (isFull && value <= (this.#likeness[this.#size - 1] ?? 0)) return;
    let at = isFull ? this.#size - 1 : this.#size;
    if (!isFull) this.#size += 1;
    for (; at > 0 && (this.#likeness[at - 1] ?? 0) < value; at -= 1) {
      this.#likeness[at] = this.#likeness[at - 1] ?? 0;
      this.#places[at] = this.#places[at - 1] ?? 0;
    }
    this.#likeness[at] = value;
    this.#places[at] = place;
  }
}
