// How thoroughly a vector file must be searched: measured when it is made, on its own vectors. A graph
// of clustered vectors finds nearly all at 32 candidates, one of vectors that lie evenly needs 256; the
// file says which, so that no search of the first pays for the second.

import type { Index } from "usearch";

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
} as const;

const NEAREST = 10;
/** Candidates with which a graph is taken to find all. */
const EXACT = 600;
/** A question is near to one text, and has something of another. */
const OTHER_SHARE = 0.3;

/** Some vectors of many, each as likely as the others; the same for the same vectors. */
export class Sample {
  readonly vectors: Float32Array[] = [];
  #seen = 0;
  #state = 1;

  add(vector: Float32Array): void {
    this.#seen += 1;
    if (this.vectors.length < expansionLimits.questions) {
      this.vectors.push(vector);
      return;
    }
    // Numerical Recipes' generator: where a sample lies need not be secret.
    this.#state = (Math.imul(this.#state, 1_664_525) + 1_013_904_223) >>> 0;
    const at = Math.floor((this.#state / 2 ** 32) * this.#seen);
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

function mixed(vector: Float32Array, other: Float32Array): Float32Array {
  return vector.map((value, at) => value + OTHER_SHARE * (other[at] ?? 0));
}
