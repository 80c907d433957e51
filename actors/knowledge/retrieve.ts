// Relevance: what is found by words and by vectors is joined by reciprocal rank fusion (Cormack et
// al., 2009). What is relevant to nothing is left out, so that "no passage" means that the collection
// does not know. Pure: where chunks lie is the caller's.

import type { Filter } from "../records/filter.ts";
import type { LexicalHit } from "./bm25.ts";
import type { Passage, Tuning } from "./search.ts";
import type { NearHit } from "./segment.ts";
import { sharedWords } from "./terms.ts";

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
  /** See `Passage`. */
  readonly page?: number;
  readonly metadata: Readonly<Record<string, unknown>>;
  /** Unit length. */
  readonly vector: Float32Array;
}

/** What to search for. */
export interface ChunkQuery extends Pick<Tuning, "mode" | "weights" | "threshold"> {
  readonly query: string;
  /** Of the same embedder as the chunks. */
  readonly vector: Float32Array;
  /** Passages that are given, 1..50. */
  readonly topK: number;
  /** Chunks of other documents are not found; scores stay what they are without it. */
  readonly filter?: Filter;
  /** Passages tell which words of the question they have. */
  readonly explain?: boolean;
  /** The passages' vectors are given too. */
  readonly withVectors?: boolean;
  /** The vectors are of a model: what any two of its texts have in common is no relevance. */
  readonly isOfMeaning?: boolean;
  /** That much, when it is known; see `floor.ts`. Default 0. */
  readonly floor?: number;
}

/** Constants of ranking. */
export const ranking = {
  /** Candidates of each way that are fused; see `depthOf`. */
  depth: 100,
  /** Damping of ranks; 60 is the paper's. */
  rankOffset: 60,
  /** So many of the best are looked at to see whether anything is relevant, however few are wanted. */
  judged: 10,
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

/** What a search has found, before its chunk is looked at. Ranks from 1. */
export interface Candidate {
  readonly slot: number;
  readonly word: (LexicalHit & { readonly rank: number }) | undefined;
  readonly near: (NearHit & { readonly rank: number }) | undefined;
  /** Sum of the weighted shares of its ranks. */
  readonly fused: number;
}

/** Passages that are looked at, however few are wanted. */
const pickedOf = (topK: number): number =>
  Math.max(ranking.judged, Math.min(topK, ranking.topKMax));

/**
 * Candidates that vectors are asked for: where nothing is fused, what is shown is the nearest, and a
 * graph that is asked for a hundred takes twice as long as for ten.
 */
export function depthOf({ mode, topK }: Pick<ChunkQuery, "mode" | "topK">): number {
  return mode === "vector" ? pickedOf(topK) : ranking.depth;
}

const shareOf = (rank: number): number => 1 / (ranking.rankOffset + rank);

/** Joins two lists, both best first, into one. What has no weight must not be given. */
export function rank(
  words: readonly LexicalHit[],
  near: readonly NearHit[],
  { weights }: Pick<ChunkQuery, "weights">,
): readonly Candidate[] {
  const joined = new Map<number, Candidate>();
  // Named one by one: two hundred spreads take as long as finding them.
  for (const [at, { slot, score, coverage, neighbours = 0 }] of words.entries()) {
    const word = { slot, score, coverage, neighbours, rank: at + 1 };
    joined.set(slot, { slot, word, near: undefined, fused: weights.lexical * shareOf(at + 1) });
  }
  for (const [at, { slot, similarity }] of near.entries()) {
    const before = joined.get(slot);
    const placed = { slot, similarity, rank: at + 1 };
    const fused = (before?.fused ?? 0) + weights.vector * shareOf(at + 1);
    joined.set(slot, { slot, word: before?.word, near: placed, fused });
  }
  return [...joined.values()].sort((a, b) => b.fused - a.fused || a.slot - b.slot);
}

/**
 * How sure a chunk is to be about the question, 0..1. By words it is the share of the question that
 * the chunk has, by vectors their cosine above the floor; by both, that at least one of the two is not wrong.
 */
export function relevanceOf(
  coverage: number,
  similarity: number,
  mode: ChunkQuery["mode"],
  floor = 0,
): number {
  const near = Math.min(1, Math.max(0, (similarity - floor) / (1 - floor)));
  const covered = Math.min(1, coverage);
  if (mode === "lexical") return covered;
  return mode === "vector" ? near : 1 - (1 - covered) * (1 - near);
}

/** Its relevance before its chunk is read; where its likeness is not known yet, the highest it can be. */
function relevanceMost({ word, near }: Candidate, { mode, floor }: ChunkQuery): number {
  return relevanceOf(word?.coverage ?? 0, near?.similarity ?? 1, mode, floor);
}

/** A candidate as a passage, whatever its relevance. @param shared tells words of the question. */
function passageOf(
  candidate: Candidate,
  chunk: IndexedChunk,
  query: ChunkQuery,
  { collection, shared }: Told,
): Passage {
  const { word, near, fused } = candidate;
  const { mode, weights, floor = 0 } = query;
  const similarity =
    mode === "lexical" ? null : (near?.similarity ?? dot(chunk.vector, query.vector));
  const coverage = word?.coverage ?? 0;
  const { documentId, documentTitle, chunkId, text, headings, span, metadata } = chunk;
  const terms = shared === undefined ? {} : { terms: shared(searchText(chunk)) };
  // Named one by one: what is left of a chunk without its vector takes as long as reading ten rows.
  return {
    documentId,
    documentTitle,
    chunkId,
    text,
    headings,
    span,
    metadata,
    ...(chunk.context !== undefined && { context: chunk.context }),
    ...(chunk.page !== undefined && { page: chunk.page }),
    collection,
    score: rounded(fused / ((weights.vector + weights.lexical) * shareOf(1))),
    relevance: rounded(relevanceOf(coverage, similarity ?? 0, mode, floor)),
    scores: {
      vector: {
        score: similarity === null ? null : rounded(similarity),
        rank: near?.rank ?? null,
        ...(floor > 0 && { floor: rounded(floor) }),
      },
      lexical: {
        score: rounded(word?.score ?? 0),
        rank: word?.rank ?? null,
        ...(word?.neighbours && { neighbours: rounded(word.neighbours) }),
        coverage: rounded(coverage),
        ...terms,
      },
      fused: rounded(fused),
    },
  };
}

/** What passages tell beside what was found. */
interface Told {
  readonly collection: string;
  /** Words of the question that a text has, when an explanation was asked for. */
  readonly shared: ((text: string) => readonly string[]) | undefined;
}

/** What a search of an index gives: at most `topK` passages, best first. */
export interface FoundPassages {
  readonly passages: readonly Passage[];
  /** Of the passages, when they were asked for. */
  readonly vectors?: readonly Float32Array[];
  /** Highest relevance of all that were looked at. */
  readonly bestRelevance: number | null;
}

type Chunks = readonly (IndexedChunk | undefined)[];

/**
 * The relevant ones of candidates, best first, with what is left out of the others.
 * @param read chunks at slots, in their order; undefined for one that has just been replaced.
 */
export async function choose(
  candidates: readonly Candidate[],
  query: ChunkQuery,
  collection: string,
  read: (slots: readonly number[]) => Chunks | Promise<Chunks>,
): Promise<FoundPassages> {
  const { threshold, topK, withVectors = false } = query;
  const passages: Passage[] = [];
  const vectors: Float32Array[] = [];
  const wanted = pickedOf(topK);
  const told = { collection, shared: query.explain ? sharedWords(query.query) : undefined };
  let best: number | null = null;
  for (let at = 0; passages.length < wanted && at < candidates.length; ) {
    const next: Candidate[] = [];
    for (; next.length < wanted - passages.length && at < candidates.length; at += 1) {
      const [candidate] = candidates.slice(at, at + 1);
      if (candidate === undefined) continue;
      const most = relevanceMost(candidate, query);
      if (most < threshold.each) best = Math.max(best ?? 0, rounded(most));
      else next.push(candidate);
    }
    const chunks = await read(next.map(({ slot }) => slot));
    for (const [place, candidate] of next.entries()) {
      const chunk = chunks[place];
      if (chunk === undefined) continue;
      const passage = passageOf(candidate, chunk, query, told);
      best = Math.max(best ?? 0, passage.relevance);
      if (passage.relevance < threshold.each) continue;
      passages.push(passage);
      if (withVectors) vectors.push(chunk.vector);
    }
  }
  const isAny = passages.some(({ relevance }) => relevance >= threshold.best);
  return {
    passages: isAny ? passages.slice(0, topK) : [],
    ...(withVectors && { vectors: isAny ? vectors.slice(0, topK) : [] }),
    bestRelevance: best,
  };
}

/** Cosine of unit vectors; 0 for a chunk without one. */
export function dot(left: Float32Array, right: Float32Array): number {
  // Four sums that do not wait for one another: a third less time.
  let [a, b, c, d] = [0, 0, 0, 0];
  for (let at = 0; at < left.length; at += 4) {
    a += (left[at] ?? 0) * (right[at] ?? 0);
    b += (left[at + 1] ?? 0) * (right[at + 1] ?? 0);
    c += (left[at + 2] ?? 0) * (right[at + 2] ?? 0);
    d += (left[at + 3] ?? 0) * (right[at + 3] ?? 0);
  }
  return a + b + (c + d);
}

/** Five digits. */
export const rounded = (value: number): number => Math.round(value * 100_000) / 100_000;
