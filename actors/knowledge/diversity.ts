// Maximal marginal relevance (Carbonell and Goldstein, 1998): passages are chosen one after another,
// each by its own score less its likeness to the nearest of those chosen before. Pure.

import { dot, rounded } from "./retrieve.ts";
import type { Passage } from "./search.ts";

/** A passage and its vector; without numbers it is like no other. */
export interface WithVector {
  readonly passage: Passage;
  readonly vector: Float32Array;
}

/**
 * Chooses `limit` of `found`, which are best first, and says of each why.
 * @param diversity part of novelty, 1 - lambda: 0 keeps the order, 1 looks at likeness alone.
 */
export function diversified(
  found: readonly WithVector[],
  limit: number,
  diversity: number,
): readonly Passage[] {
  const left = found.map((one) => ({ ...one, likeness: 0 }));
  const chosen: Passage[] = [];
  while (chosen.length < limit && left.length > 0) {
    const values = left.map(
      ({ passage, likeness }) => (1 - diversity) * passage.score - diversity * likeness,
    );
    // The first of equals: they are best first.
    const at = values.indexOf(Math.max(...values));
    const [next] = left.splice(at, 1);
    if (next === undefined) break;
    chosen.push({
      ...next.passage,
      scores: {
        ...next.passage.scores,
        diversity: {
          likeness: rounded(next.likeness),
          penalty: rounded(diversity * next.likeness),
          score: rounded(values[at] ?? 0),
        },
      },
    });
    for (const one of left) one.likeness = Math.max(one.likeness, dot(one.vector, next.vector));
  }
  return chosen;
}
