// The index of one collection in memory: BM25 and an exact scan over vectors, joined by reciprocal
// rank fusion (Cormack et al., 2009). What is relevant to nothing is left out, so that "no passage"
// means that the collection does not know.

import type { Passage } from "../ports.ts";
import { createLexicalIndex, type LexicalHit } from "./lexical.ts";

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

const CHUNK_BYTES = 400;

/** Chunks of one collection, searchable. */
export interface ChunkIndex {
  /** Replaces what the document had. */
  put(documentId: string, chunks: readonly IndexedChunk[]): void;
  remove(documentId: string): void;
  /** Ids of the documents it has. */
  documents(): Iterable<string>;
  /** Relevant chunks, best first; `score` is the fused rank score in 0..1. */
  search(query: ChunkQuery, collection: string): readonly Passage[];
  /** Number of chunks and estimated memory. */
  size(): { readonly chunks: number; readonly bytes: number };
}

interface Scored {
  readonly slot: number;
  readonly similarity: number;
}

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

/** An empty index. */
export function createChunkIndex(): ChunkIndex {
  const lexical = createLexicalIndex();
  const chunks = new Map<number, IndexedChunk>();
  const slots = new Map<string, number[]>();
  let next = 0;
  let textBytes = 0;
  const remove = (documentId: string): void => {
    for (const slot of slots.get(documentId) ?? []) {
      const chunk = chunks.get(slot);
      if (chunk === undefined) continue;
      lexical.remove(slot, searchText(chunk));
      textBytes -= bytesOf(chunk);
      chunks.delete(slot);
    }
    slots.delete(documentId);
  };
  return {
    put(documentId, added) {
      remove(documentId);
      slots.set(
        documentId,
        added.map((chunk) => {
          const slot = next;
          next += 1;
          chunks.set(slot, chunk);
          lexical.add(slot, searchText(chunk));
          textBytes += bytesOf(chunk);
          return slot;
        }),
      );
    },
    remove,
    documents: () => slots.keys(),
    search(query, collection) {
      const byWords = lexical.search(query.query, ranking.depth);
      const byVector = query.mode === "lexical" ? [] : scan(chunks, query.vector);
      return fuse(chunks, query, byWords, byVector, collection);
    },
    size: () => ({ chunks: chunks.size, bytes: textBytes + lexical.bytes() }),
  };
}

function bytesOf(chunk: IndexedChunk): number {
  return CHUNK_BYTES + chunk.text.length * 2 + chunk.vector.byteLength;
}

function dot(left: Float32Array, right: Float32Array): number {
  let sum = 0;
  for (let at = 0; at < left.length; at += 1) sum += (left[at] ?? 0) * (right[at] ?? 0);
  return sum;
}

function scan(chunks: ReadonlyMap<number, IndexedChunk>, vector: Float32Array): Scored[] {
  const scored: Scored[] = [];
  for (const [slot, chunk] of chunks) scored.push({ slot, similarity: dot(chunk.vector, vector) });
  return scored
    .sort((a, b) => b.similarity - a.similarity || a.slot - b.slot)
    .slice(0, ranking.depth);
}

function fuse(
  chunks: ReadonlyMap<number, IndexedChunk>,
  query: ChunkQuery,
  byWords: readonly LexicalHit[],
  byVector: readonly Scored[],
  collection: string,
): Passage[] {
  const words = new Map(byWords.map((hit, rank) => [hit.slot, { ...hit, rank }]));
  const similar = new Map(byVector.map((hit, rank) => [hit.slot, { ...hit, rank }]));
  const vectorWeight = query.mode === "hybrid" ? (query.vectorWeight ?? 1) : 1;
  const best = (query.mode === "hybrid" ? 1 + vectorWeight : 1) / (ranking.rankOffset + 1);
  const passages: Passage[] = [];
  const considered =
    query.mode === "vector" ? similar.keys() : new Set([...words.keys(), ...similar.keys()]);
  for (const slot of considered) {
    const chunk = chunks.get(slot);
    if (chunk === undefined) continue;
    const hit = words.get(slot);
    const near = similar.get(slot);
    const similarity =
      near?.similarity ?? (query.mode === "lexical" ? 0 : dot(chunk.vector, query.vector));
    const coverage = hit?.coverage ?? 0;
    const isCovered = query.mode !== "vector" && coverage >= ranking.coverageMin;
    if (!isCovered && similarity < ranking.similarityMin) continue;
    const share = (rank: number | undefined): number =>
      rank === undefined ? 0 : 1 / (ranking.rankOffset + 1 + rank);
    const rrf = (query.mode === "vector" ? 0 : share(hit?.rank)) + vectorWeight * share(near?.rank);
    const { vector: _, ...shown } = chunk;
    passages.push({
      ...shown,
      collection,
      score: rounded(rrf / best),
      scores: {
        bm25: rounded(hit?.score ?? 0),
        coverage: rounded(coverage),
        vector: rounded(similarity),
        rrf: rounded(rrf),
      },
    });
  }
  return passages
    .sort((a, b) => b.score - a.score || (a.chunkId < b.chunkId ? -1 : 1))
    .slice(0, Math.min(query.topK, ranking.topKMax));
}

const rounded = (value: number): number => Math.round(value * 100_000) / 100_000;
