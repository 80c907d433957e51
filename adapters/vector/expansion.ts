// How thoroughly a vector file must be searched: measured when it is made, on its own vectors and, where
// they can be had, on short questions; what is found is held against comparing with every vector. A graph
// of clustered vectors finds nearly all at 32 candidates, one of vectors that lie evenly needs thousands;
// the file says which, so that no search of the first pays for the second. Where so many are needed that
// comparing takes less, all are compared. A question that is like nothing
// in the file finds its way less well than those it was measured with: it is known by its nearest, and
// searched again with as many as such questions need.

import type { Index, Matches } from "usearch";
import type { VectorHeader } from "../../actors/knowledge/segment.ts";
import { allTakes, nearLimits } from "../knowledge/near.ts";
import type { StoredVectors } from "./stored-vectors.ts";

/** Limits of the measurement. */
export const expansionLimits = {
  /** Candidates that are tried, least first. The last one is taken when none is enough. */
  candidates: [
    ...[32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1_024],
    ...[1_536, 2_048, 3_072, 4_096],
  ],
  /** A file of fewer vectors is searched in a tenth of a millisecond: it is not measured as closely. */
  small: 32_768,
  smallLeast: 128,
  /** Share of the ten nearest that must be found, a little above what is promised. */
  recall: 0.99,
  /** The same of short questions: they are as hard as real ones, and harder than many. */
  shortRecall: 0.98,
  /** Questions it is measured with. Fewer than `questionsLeast` tell nothing. */
  questions: 48,
  questionsLeast: 16,
  /** Vectors that all questions together are compared with; of more vectors fewer questions are asked. */
  comparisons: 32 * 1024 * 1024,
  /** It is measured again when such a share of the vectors is new or gone. */
  change: 0.25,
  /** The same of questions unlike everything: `farQuestions` between five texts, and as many anywhere. */
  farCandidates: [48, 64, 96, 128, 192, 256, 384, 512, 768, 1_024],
  farQuestions: 16,
  farTexts: 5,
  /** So much less similar than any text of the file to another: one in a hundred would be without it. */
  farMargin: 0.02,
} as const;

const NEAREST = 10;
/** A question is near to one text, and has something of another. */
const OTHER_SHARE = 0.3;
const ALL = [[0, Number.MAX_SAFE_INTEGER]] as const;

/** A graph, and the same vectors in the file to be compared. */
export interface Measured {
  /** Looks at as many candidates as it is asked for and no more. */
  readonly index: Pick<Index, "search" | "size">;
  readonly stored: Pick<StoredVectors, "compare">;
}

interface Sampled {
  readonly vector: Float32Array;
  readonly question: Float32Array | undefined;
}

/** Some vectors of many, each as likely as the others; the same for the same vectors. */
export class Sample {
  readonly #sampled: Sampled[] = [];
  #seen = 0;
  readonly #random = numbersFrom(1);

  /** @param question a short one about the same, asked for when the vector is taken; zeros: there is none. */
  add(vector: Float32Array, question?: () => Float32Array): void {
    this.#seen += 1;
    const { questions } = expansionLimits;
    const isFull = this.#sampled.length >= questions;
    const at = isFull ? Math.floor(this.#random() * this.#seen) : this.#sampled.length;
    if (at >= questions) return;
    const asked = question?.();
    this.#sampled[at] = { vector, question: asked?.some(Boolean) ? asked : undefined };
  }

  /** What a file of so many vectors is measured with; undefined when it is too little to tell. */
  of(size: number): Questions | undefined {
    const { comparisons, farQuestions: far, questionsLeast } = expansionLimits;
    const most = Math.max(questionsLeast, Math.floor(comparisons / size) - 2 * far);
    const sampled = this.#sampled.slice(0, most);
    if (sampled.length < questionsLeast) return undefined;
    const vectors = sampled.map(({ vector }) => vector);
    const short = sampled.flatMap(({ question }) => (question === undefined ? [] : [question]));
    return { vectors, short: short.length < questionsLeast ? [] : short };
  }
}

interface Questions {
  readonly vectors: readonly Float32Array[];
  /** Short questions; none where the file's embedder is not at hand. */
  readonly short: readonly Float32Array[];
}

/** Least number of candidates with which the questions find enough; so many that comparing takes less say it does. */
export async function expansionFor(
  measured: Measured,
  { vectors, short }: Questions,
): Promise<number> {
  const { candidates, recall, shortRecall, small, smallLeast } = expansionLimits;
  const size = measured.index.size();
  const isShort = short.length > 0;
  const mixes = vectors.map((vector, at) => mixed(vector, vectors.at(at - 1) ?? vector));
  const isEnough = await enoughFor(
    measured,
    isShort ? short : mixes,
    isShort ? shortRecall : recall,
  );
  const least = size < small ? smallLeast : 0;
  const tried = candidates.filter((asked) => asked >= least);
  const compared = tried.findIndex((asked) => asked * nearLimits.comparedPerAsked > size);
  return firstEnough(compared < 0 ? tried : tried.slice(0, compared + 1), isEnough);
}

/**
 * How far questions are known, and how many candidates they need; undefined when they need no more than
 * all others.
 * @param expansion what all others look at.
 */
export async function farFor(
  measured: Measured,
  { vectors, short }: Questions,
  expansion: number,
): Promise<VectorHeader["far"]> {
  const { farCandidates, farMargin, recall } = expansionLimits;
  const [first] = vectors;
  const most = farCandidates[farCandidates.length - 1] ?? 0;
  if (first === undefined || expansion >= most) return undefined;
  // What is in the file finds itself first: the next is what a question like it would find.
  const next = (short.length > 0 ? short : vectors).map(
    (vector) => 1 - (find(measured, vector, expansion).distances[1] ?? 1),
  );
  const isEnough = await enoughFor(measured, farQuestions(vectors, first.length), recall);
  const enough = firstEnough(farCandidates, isEnough);
  return enough > expansion
    ? { below: Math.min(...next) - farMargin, expansion: enough }
    : undefined;
}

/**
 * Whether a file is scanned rather than its graph searched: where that takes half the time, for a question
 * as it is usual, because the file grows by half.
 */
export function isScanned(
  stored: Pick<StoredVectors, "scanWouldTake">,
  { vectors, short }: Questions,
  { expansion, count }: { readonly expansion: number; readonly count: number },
): boolean {
  const asked = short.length > 0 ? short : vectors;
  const takes = asked.map((vector) => stored.scanWouldTake(vector, NEAREST)).sort((a, b) => a - b);
  const usual = takes[takes.length >> 1] ?? Number.POSITIVE_INFINITY;
  return usual * 2 <= allTakes({ count, candidatesLeast: expansion });
}

function find({ index }: Measured, question: Float32Array, asked: number): Matches {
  return index.search(question, Math.min(asked, index.size()), 1);
}

/** Tells whether with so many candidates enough is found of what comparing with all finds. */
async function enoughFor(
  measured: Measured,
  questions: readonly Float32Array[],
  recall: number,
): Promise<(asked: number) => boolean> {
  const wanted: ReadonlySet<number>[] = [];
  for (const question of questions) {
    const hits = await measured.stored.compare(question, ALL, NEAREST);
    wanted.push(new Set(hits.map(({ slot }) => slot)));
  }
  const total = wanted.reduce((sum, { size }) => sum + size, 0);
  return (asked) => {
    let found = 0;
    for (const [at, question] of questions.entries()) {
      for (const key of find(measured, question, asked).keys.slice(0, NEAREST)) {
        if (wanted[at]?.has(Number(key))) found += 1;
      }
    }
    return found >= total * recall;
  };
}

/** The first that is enough, of growing ones; the last is not tried. */
function firstEnough(tried: readonly number[], isEnough: (asked: number) => boolean): number {
  let [low, high] = [0, tried.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (isEnough(tried[middle] ?? 0)) high = middle;
    else low = middle + 1;
  }
  return tried[low] ?? 0;
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
