// How thoroughly a vector file must be searched: measured when it is made, on its own vectors. A graph
// of clustered vectors finds nearly all at 32 candidates, one of vectors that lie evenly needs 256; the
// file says which, so that no search of the first pays for the second. A question that is like nothing
// in the file finds its way less well than those it was measured with: it is known by its nearest, and
// searched again with as many as such questions need.

import type { Index } from "usearch";
import type { VectorHeader } from "../../actors/knowledge/segment.ts";

/** Limits of the measurement. */
export const expansionLimits = {
  /** Candidates that are tried, least first. The last one is taken when none is enough. */
  candidates: [32, 48, 64, 96, 128, 192, 256],
  /** A file of fewer vectors is searched in a tenth of a millisecond: it is not measured as closely. */
  small: 32_768,
  smallLeast: 128,
  /** Share of the ten nearest that must be found, a little above what is promised. */
  recall: 0.99,
  /** Questions it is measured with. Fewer than `questionsLeast` tell nothing. */
  questions: 64,
  questionsLeast: 16,
  /** The same of questions unlike everything: `farQuestions` between five texts, and as many anywhere. */
  farCandidates: [48, 64, 96, 128, 192, 256, 384, 512],
  farQuestions: 16,
  farTexts: 5,
  /** So much less similar than any text of the file to another: one in a hundred would be without it. */
  farMargin: 0.02,
} as const;

const NEAREST = 10;
/** Candidates with which a graph is taken to find all. */
const EXACT = 600;
const FAR_EXACT = 1_200;
/** A question is near to one text, and has something of another. */
const OTHER_SHARE = 0.3;

/** Some vectors of many, each as likely as the others; the same for the same vectors. */
export class Sample {
  readonly vectors: Float32Array[] = [];
  #seen = 0;
  readonly #random = numbersFrom(1);

  add(vector: Float32Array): void {
    this.#seen += 1;
    if (this.vectors.length < expansionLimits.questions) {
      this.vectors.push(vector);
      return;
    }
    const at = Math.floor(this.#random() * this.#seen);
    if (at < this.vectors.length) this.vectors[at] = vector;
  }
}

/**
 * Least number of candidates with which the sample's questions find enough; undefined when the sample
 * is too small to tell.
 * @param index must look at as many candidates as it is asked for and no more.
 */
export function expansionFor(
  index: Pick<Index, "search" | "size">,
  { vectors }: Sample,
): number | undefined {
  const { candidates, questionsLeast, recall, small, smallLeast } = expansionLimits;
  if (vectors.length < questionsLeast) return undefined;
  const questions = vectors.map((vector, at) => mixed(vector, vectors.at(at - 1) ?? vector));
  const find = (question: Float32Array, asked: number): BigUint64Array =>
    index.search(question, Math.min(asked, index.size()), 1).keys.slice(0, NEAREST);
  const wanted = questions.map((question) => new Set(find(question, EXACT)));
  const total = wanted.reduce((sum, { size }) => sum + size, 0);
  const least = index.size() < small ? smallLeast : 0;
  const enough = candidates.find((asked) => {
    if (asked < least) return false;
    let found = 0;
    for (const [at, question] of questions.entries()) {
      for (const key of find(question, asked)) if (wanted[at]?.has(key)) found += 1;
    }
    return found >= total * recall;
  });
  return enough ?? candidates[candidates.length - 1];
}

/**
 * How far questions are known, and how many candidates they need; undefined when they need no more than
 * all others.
 * @param expansion what all others look at.
 */
export function farFor(
  index: Pick<Index, "search" | "size">,
  { vectors }: Sample,
  expansion: number,
): VectorHeader["far"] {
  const { farCandidates, farMargin, questionsLeast, recall } = expansionLimits;
  const [first] = vectors;
  if (first === undefined || vectors.length < questionsLeast) return undefined;
  const find = (question: Float32Array, asked: number) =>
    index.search(question, Math.min(asked, index.size()), 1);
  // What is in the file finds itself first: the next is what a question like it would find.
  const next = vectors.map((vector) => 1 - (find(vector, expansion).distances[1] ?? 1));
  const questions = farQuestions(vectors, first.length);
  const wanted = questions.map((question) => find(question, FAR_EXACT).keys.slice(0, NEAREST));
  const isEnough = (asked: number): boolean => {
    let [total, found] = [0, 0];
    for (const [at, question] of questions.entries()) {
      const keys = new Set(find(question, asked).keys.slice(0, NEAREST));
      for (const key of wanted[at] ?? []) if (keys.has(key)) found += 1;
      total += wanted[at]?.length ?? 0;
    }
    return found >= total * recall;
  };
  let [low, high] = [0, farCandidates.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (isEnough(farCandidates[middle] ?? 0)) high = middle;
    else low = middle + 1;
  }
  const enough = farCandidates[low] ?? 0;
  return enough > expansion
    ? { below: Math.min(...next) - farMargin, expansion: enough }
    : undefined;
}

function farQuestions(vectors: readonly Float32Array[], dimension: number): Float32Array[] {
  const { farQuestions: count, farTexts } = expansionLimits;
  const random = numbersFrom(2);
  // As good as normal: no direction is likelier than another.
  const normal = (): number => Array.from({ length: 12 }, random).reduce((a, b) => a + b, -6);
  const between = Array.from({ length: count }, (_, question) => {
    const sum = new Float32Array(dimension);
    for (let text = 0; text < farTexts; text += 1) {
      const vector = vectors[(question * farTexts + text) % vectors.length] ?? sum;
      for (let at = 0; at < dimension; at += 1) sum[at] = (sum[at] ?? 0) + (vector[at] ?? 0);
    }
    return sum;
  });
  return [...between, ...between.map((vector) => vector.map(normal))];
}

/** Numbers from 0 to 1, always the same: Numerical Recipes' generator. Nothing here is secret. */
function numbersFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

function mixed(vector: Float32Array, other: Float32Array): Float32Array {
  return vector.map((value, at) => value + OTHER_SHARE * (other[at] ?? 0));
}
