// How a collection is searched: the settings in its record, which a search may override field by
// field. What is not set is left to the defaults of actors/knowledge/tuning.ts.

import { type Static, Type } from "../schema.ts";

/** Limits of the settings. */
export const retrievalLimits = { topK: 50, rerankerChars: 64 } as const;

const share = Type.Number({ minimum: 0, maximum: 1 });

const fields = {
  /**
   * Parts of the two rankings in their fusion, 0..1 each, not both 0. Default 1 and 1; of the
   * built-in embedder, which sees the same words again, 0.1 for its vectors.
   */
  weights: Type.Object(
    { vector: Type.Optional(share), lexical: Type.Optional(share) },
    { additionalProperties: false },
  ),
  /** Part of novelty in the choice of passages (1 - lambda of maximal marginal relevance). Default 0. */
  diversity: share,
  /** Least `relevance` of a passage. */
  score_threshold: share,
  /** Configured name of a re-ranker. Default none. */
  reranker: Type.String({ minLength: 1, maxLength: retrievalLimits.rerankerChars }),
  /** Least score that the re-ranker gives a passage. Default none. */
  rerank_threshold: share,
  /** Passages of an answer. Default 5. */
  top_k: Type.Integer({ minimum: 1, maximum: retrievalLimits.topK }),
} as const;

/** In a collection's record: null, or left out, is the default. */
export const retrievalInput = Type.Object(
  {
    weights: Type.Optional(Type.Union([fields.weights, Type.Null()])),
    diversity: Type.Optional(Type.Union([fields.diversity, Type.Null()])),
    score_threshold: Type.Optional(Type.Union([fields.score_threshold, Type.Null()])),
    reranker: Type.Optional(Type.Union([fields.reranker, Type.Null()])),
    rerank_threshold: Type.Optional(Type.Union([fields.rerank_threshold, Type.Null()])),
    top_k: Type.Optional(Type.Union([fields.top_k, Type.Null()])),
  },
  { additionalProperties: false },
);

/** In one search, beside its query: as the record's, for this search alone; null is none or the default. */
export const retrievalOverrides = retrievalInput.properties;

/** What a client sends. */
export type RetrievalInput = Static<typeof retrievalInput>;

/** As stored: only what is set. */
export interface RetrievalSettings {
  readonly weights?: { readonly vector?: number; readonly lexical?: number };
  readonly diversity?: number;
  readonly score_threshold?: number;
  readonly reranker?: string;
  readonly rerank_threshold?: number;
  readonly top_k?: number;
}

/** What one search may say: null is none, or the default, whatever the collection's settings are. */
export type AskedSettings = {
  readonly [K in keyof RetrievalSettings]: RetrievalSettings[K] | null;
};

/** Settings after a merge patch (RFC 7396): null takes a setting away, `weights` are merged. */
export function patchedRetrieval(
  before: RetrievalSettings,
  patch: RetrievalInput,
): RetrievalSettings {
  const { weights, ...rest } = patch;
  const merged: Record<string, unknown> = { ...before, ...rest };
  if (weights === null) delete merged["weights"];
  else if (weights !== undefined) merged["weights"] = { ...before.weights, ...weights };
  return Object.fromEntries(
    Object.entries(merged).filter(([, value]) => value !== null && value !== undefined),
  );
}
