// A search as the Retriever port is asked for it and answers it: what is wanted, how it was done, and
// how each passage came to its place. Types only.

import type { ErrorCode, ErrorData } from "../../runtime/errors.ts";
import type { CallPayer } from "../money/provider-call.ts";
import type { Filter } from "../records/filter.ts";
import type { AskedSettings } from "../records/retrieval.ts";

/** By words and vectors, or by one of them. */
export type SearchMode = "hybrid" | "vector" | "lexical";

/** How a search is done, everything decided. */
export interface Tuning {
  readonly mode: SearchMode;
  readonly weights: { readonly vector: number; readonly lexical: number };
  readonly topK: number;
  /** Part of novelty in the choice of passages, 0..1. */
  readonly diversity: number;
  /** Least relevance: of the best passage, without which nothing is relevant, and of each. */
  readonly threshold: { readonly best: number; readonly each: number };
  /** Configured name. */
  readonly reranker: string | null;
  readonly rerankThreshold: number | null;
}

/** A search in one collection of one tenant. */
export interface SearchRequest {
  readonly tenant: string;
  readonly collection: string;
  readonly query: string;
  /** Default hybrid. */
  readonly mode?: SearchMode;
  /** Of which documents; it can only narrow the collection. */
  readonly filter?: Filter;
  /** What counts before the collection's own settings. */
  readonly settings?: AskedSettings;
  /** Passages tell which words of the question they have. */
  readonly explain?: boolean;
  /** Whose budgets providers of vectors and orders count for, beside the tenant's. Default: no other's. */
  readonly payer?: CallPayer | undefined;
  readonly signal?: AbortSignal;
}

/** Why a question was compared by its words alone. */
export interface Degraded {
  readonly code: ErrorCode;
  readonly message: string;
}

/** What a search found. */
export interface SearchResult {
  /** Best first. None: the collection holds nothing on the question. */
  readonly passages: readonly Passage[];
  readonly tuning: Tuning;
  /** Highest relevance that was seen, 0..1, also below the threshold; null: nothing was similar at all. */
  readonly bestRelevance: number | null;
  /** Whether the re-ranker was used; `failed`: the order is that of the fusion. */
  readonly reranked: { readonly status: "used" | "failed"; readonly error?: ErrorData } | null;
  /**
   * The question's vector could not be had. `tuning` is then that of a search by words, and no passage
   * says that no word of the question is known.
   */
  readonly degraded?: Degraded;
}

/** A passage found in a collection. `span` is [start, end) in UTF-8 bytes of the document's text. */
export interface Passage {
  readonly documentId: string;
  readonly documentTitle: string;
  readonly chunkId: string;
  readonly collection: string;
  readonly text: string;
  readonly headings: readonly string[];
  readonly span: readonly [number, number];
  /** What stands elsewhere in the document and is needed to read it, e.g. its table's header. */
  readonly context?: string;
  /** Of a paged document: the page it begins on, from 1. */
  readonly page?: number;
  /** What the order follows, 0..1: the re-ranker's score, else the share of the best possible fusion. */
  readonly score: number;
  /** How sure it is to be about the question, 0..1, comparable between questions: what thresholds are about. */
  readonly relevance: number;
  readonly scores: PassageScores;
  readonly metadata: Readonly<Record<string, unknown>>;
}

/** How a passage's place came about. A rank is its place in that ranking from 1, null when it was not in it. */
export interface PassageScores {
  /** Cosine of its vector and the question's, -1..1; null when vectors were not compared. */
  readonly vector: {
    readonly score: number | null;
    readonly rank: number | null;
    /** What any two texts of this model have in common here; it is no relevance. Left out when 0. */
    readonly floor?: number;
  };
  readonly lexical: {
    /** BM25, without an upper bound; where neighbours count, with their part. */
    readonly score: number;
    /** That part: what chunks alike, which score more or less, have moved it by. Left out when 0. */
    readonly neighbours?: number;
    readonly rank: number | null;
    /** Share of the question's words that it has, weighted by how rare they are, 0..1. */
    readonly coverage: number;
    /** Those words, when an explanation was asked for. */
    readonly terms?: readonly string[];
  };
  /** Sum of weight / (60 + rank) over the rankings. */
  readonly fused: number;
  /** What the re-ranker gave it, 0..1. */
  readonly rerank?: number;
  /** Likeness to the nearest passage before it, what that took away, and what was left. */
  readonly diversity?: {
    readonly likeness: number;
    readonly penalty: number;
    readonly score: number;
  };
}
