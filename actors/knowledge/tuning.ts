// How one search is done: what the search itself asks, else the collection's settings, else the
// defaults, which depend on what the vectors are of. Pure.

import { RuntimeError } from "../../runtime/errors.ts";
import type { AskedSettings, RetrievalSettings } from "../records/retrieval.ts";
import type { SearchMode, Tuning } from "./search.ts";

/** Passages where nobody says how many. */
export const TOP_K = 5;

/**
 * Lexical vectors see the same words as BM25, less well: they only part equals and mend typos.
 */
const WEIGHTS = {
  words: { vector: 0.05, lexical: 1 },
  meaning: { vector: 1, lexical: 1 },
} as const;

/**
 * Least relevance of the best passage, and of those that stand beside it. Of words: measured on
 * questions about other documents (see the README); vectors of meaning differ between models, so that
 * theirs only leaves out what has next to nothing in common.
 */
const THRESHOLDS = {
  hybrid: { words: { best: 0.42, each: 0.25 }, meaning: { best: 0.3, each: 0.2 } },
  vector: { words: { best: 0.2, each: 0.2 }, meaning: { best: 0.2, each: 0.2 } },
  lexical: { words: { best: 0.3, each: 0.2 }, meaning: { best: 0.3, each: 0.2 } },
} as const;

/** @param kind what the collection's vectors are of: `words` of the built-in embedder. */
export function tuningOf(
  own: RetrievalSettings,
  asked: AskedSettings,
  { mode: wanted, kind }: { readonly mode: SearchMode; readonly kind: "words" | "meaning" },
): Tuning {
  const pick = <K extends keyof RetrievalSettings>(
    name: K,
  ): NonNullable<RetrievalSettings[K]> | null =>
    (asked[name] === undefined ? own[name] : asked[name]) ?? null;
  const weights = {
    ...WEIGHTS[kind],
    ...(asked.weights === null ? {} : own.weights),
    ...asked.weights,
  };
  checkWeights(weights);
  const mode = modeOf(wanted, weights);
  const set = pick("score_threshold");
  return {
    mode,
    weights: mode === "hybrid" ? weights : weightsOf(mode),
    topK: pick("top_k") ?? TOP_K,
    diversity: pick("diversity") ?? 0,
    threshold: set === null ? THRESHOLDS[mode][kind] : { best: set, each: set },
    reranker: pick("reranker"),
    rerankThreshold: pick("rerank_threshold"),
  };
}

/** @throws INVALID when nothing would be ranked. @param pointer where they stand in what was sent. */
export function checkWeights(
  { vector, lexical }: NonNullable<RetrievalSettings["weights"]>,
  pointer = "/weights",
): void {
  if (vector !== 0 || lexical !== 0) return;
  throw new RuntimeError("INVALID", "One of the weights must be more than 0.", { pointer });
}

/** A ranking without weight is not made. */
function modeOf(wanted: SearchMode, weights: Tuning["weights"]): SearchMode {
  if (wanted !== "hybrid") return wanted;
  if (weights.vector === 0) return "lexical";
  return weights.lexical === 0 ? "vector" : "hybrid";
}

function weightsOf(mode: "vector" | "lexical"): Tuning["weights"] {
  return mode === "vector" ? { vector: 1, lexical: 0 } : { vector: 0, lexical: 1 };
}
