// Relevance: what is found by words and by vectors is joined by reciprocal rank fusion (Cormack et
// al., 2009). What is relevant to nothing is left out, so that "no passage" means that the collection
// does not know. Pure: where chunks lie is the caller's.

import type { Passage } from "../ports.ts";
import type { Filter } from "../records/filter.ts";
import type { LexicalHit } from "./bm25.ts";
import type { NearHit } from "./segment.ts";

/** A chunk as it is indexed. */
export interface IndexedChunk {
  readonly documentId: string;
  readonly documentTitle: string;
  readonly chunkId: string;
  readonly text: string;
  readonly headings: readonly string[];
  readonly span: readonly [number, number];
  /** See `Chunk`. */
  readonly context?: string;
  readonly metadata: Readonly<Record<string, unknown>>;
  /** Unit length. */
  readonly vector: Float32Array;
}

/** What to search for. */
export interface ChunkQuery {
  readonly query: string;
  /** Of the same embedder as the chunks. */
  readonly vector: Float32Array;
  /** 1..50. */
  readonly topK: number;
  readonly mode: "hybrid" | "vector" | "lexical";
  /** Part of the vectors' ranks beside those of words in `hybrid`, 0..1. Default 1. */
  readonly vectorWeight?: number;
  /** Chunks of other documents are not found; scores stay what they are without it. */
  readonly filter?: Filter;
}

/** Constants of ranking. */
export const ranking = {
  /** Candidates of each way that are fused. */
  depth: 100,
  /** Damping of ranks; 60 is the paper's. */
  rankOffset: 60,
  /** A chunk that has less of the question's words and is less similar than this is not relevant. */
  coverageMin: 0.2,
  similarityMin: 0.2,
  topKMax: 50,
} as const;

/** What a chunk is found by: its document's title, headings and context stand for it too. */
export function searchText(chunk: {
  readonly documentTitle: string;
  readonly headings: readonly string[];
  readonly context?: string;
  readonly text: string;
}): string {
  const { documentTitle, headings, context = "", text } = chunk;
  const above = headings.filter((heading) => !text.includes(heading));
  return [documentTitle, ...above, context, text].filter((part) => part !== "").join("\n");
}

/** What a search has found, before its chunk is looked at. */
export interface Candidate {
  readonly slot: number;
  readonly word: LexicalHit | undefined;
  readonly near: NearHit | undefined;
  /** Sum of the shares of its ranks. */
  readonly rrf: number;
}

type Mode = Pick<ChunkQuery, "mode" | "vectorWeight">;

const weightOf = ({ mode, vectorWeight = 1 }: Mode): number =>
  mode === "hybrid" ? vectorWeight : 1;

/** Joins two lists, both best first, into one. */
export function rank(
  words: readonly LexicalHit[],
  near: readonly NearHit[],
  mode: Mode,
): readonly Candidate[] {
  const share = (place: number): number => 1 / (ranking.rankOffset + 1 + place);
  const joined = new Map<number, Candidate>();
  if (mode.mode !== "vector") {
    for (const [place, word] of words.entries()) {
      joined.set(word.slot, { slot: word.slot, word, near: undefined, rrf: share(place) });
    }
  }
  for (const [place, hit] of near.entries()) {
    const before = joined.get(hit.slot);
    const rrf = (before?.rrf ?? 0) + weightOf(mode) * share(place);
    joined.set(hit.slot, { slot: hit.slot, word: before?.word, near: hit, rrf });
  }
  return [...joined.values()].sort((a, b) => b.rrf - a.rrf || a.slot - b.slot);
}

/** Whether a candidate is known to be irrelevant before its chunk is read. */
export function isIrrelevant(
  { word, near }: Candidate,
  { mode }: Pick<ChunkQuery, "mode">,
): boolean {
  if ((word?.coverage ?? 0) >= ranking.coverageMin) return false;
  if (near !== undefined) return near.similarity < ranking.similarityMin;
  return mode === "lexical";
}

/** A candidate as a passage; undefined when it is not relevant. */
export function passageOf(
  candidate: Candidate,
  chunk: IndexedChunk,
  query: ChunkQuery,
  collection: string,
): Passage | undefined {
  const { word, near, rrf } = candidate;
  const similarity =
    near?.similarity ?? (query.mode === "lexical" ? 0 : dot(chunk.vector, query.vector));
  const coverage = word?.coverage ?? 0;
  if (coverage < ranking.coverageMin && similarity < ranking.similarityMin) return undefined;
  const best = (query.mode === "hybrid" ? 1 + weightOf(query) : 1) / (ranking.rankOffset + 1);
  const { vector: _, ...shown } = chunk;
  return {
    ...shown,
    collection,
    score: rounded(rrf / best),
    scores: {
      bm25: rounded(word?.score ?? 0),
      coverage: rounded(coverage),
      vector: rounded(similarity),
      rrf: rounded(rrf),
    },
  };
}

/** Cosine of unit vectors; 0 for a chunk without one. */
export function dot(left: Float32Array, right: Float32Array): number {
  let sum = 0;
  for (let at = 0; at < left.length; at += 1) sum += (left[at] ?? 0) * (right[at] ?? 0);
  return sum;
}

const rounded = (value: number): number => Math.round(value * 100_000) / 100_000;
