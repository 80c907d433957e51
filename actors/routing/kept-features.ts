// Features of texts that come again: of the examples and descriptions of sub-agents, which are trained
// on again after each small change and searched for the nearest one at each explanation.

import { featuresOf } from "./features.ts";

/** Texts whose features one thread keeps; one more, and it begins anew. */
export const featuresKept = 6_000;

/** Features of one text: hashes, each once, and the weight of each. */
export interface Features {
  readonly hashes: Int32Array;
  readonly weights: Float32Array;
}

const kept = new Map<string, Features>();

/** Features of a text, kept. Not for messages, which seldom come twice. */
export function keptFeaturesOf(text: string): Features {
  const known = kept.get(text);
  if (known !== undefined) return known;
  const { hashes, weights, count } = featuresOf(text);
  const made = { hashes: hashes.slice(0, count), weights: weights.slice(0, count) };
  if (kept.size >= featuresKept) kept.clear();
  kept.set(text, made);
  return made;
}
