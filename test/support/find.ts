// A search whose passages alone are looked at.

import type { Passage, SearchRequest, SearchResult } from "../../actors/knowledge/search.ts";
import type { Retriever } from "../../actors/ports.ts";

/** What is asked, with the number of passages at hand. */
export type Asked = SearchRequest & { readonly topK?: number };

/** The passages that a search finds. */
export async function find(
  by: Retriever,
  { topK, settings = {}, ...request }: Asked,
): Promise<readonly Passage[]> {
  const top = topK === undefined ? {} : { top_k: topK };
  return (await by.search({ ...request, settings: { ...settings, ...top } })).passages;
}

/** What a search gives that finds these passages. */
export function resultOf(passages: readonly Passage[]): SearchResult {
  return {
    passages,
    tuning: {
      ...{ mode: "hybrid", weights: { vector: 1, lexical: 1 }, topK: 5, diversity: 0 },
      ...{ threshold: { best: 0, each: 0 }, reranker: null, rerankThreshold: null },
    },
    bestRelevance: null,
    reranked: null,
  };
}

/** Scores of a passage that nobody looks at. */
export const noScores: Pick<Passage, "score" | "relevance" | "scores"> = {
  score: 1,
  relevance: 1,
  scores: {
    vector: { score: null, rank: null },
    lexical: { score: 0, rank: null, coverage: 0 },
    fused: 0,
  },
};
