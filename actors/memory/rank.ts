// What a memory is worth: to a question (recall), to its owner (which one goes when there is no room),
// and whether two texts say the same. Pure.

import { searchLexical } from "../knowledge/bm25.ts";
import type { MemoryChunks } from "../knowledge/memory-chunks.ts";
import { dot } from "../knowledge/retrieve.ts";
import type { RecalledMemory } from "../records/memory.ts";

/** Constants of the formulas. */
export const memoryRanking = {
  /** A memory's score is its relevance times these parts, which are 1 together. */
  base: 0.7,
  recency: 0.2,
  importance: 0.1,
  /** A preference is about how to answer, whatever is asked: it is at least so relevant. */
  preference: 0.3,
  /** Texts so similar, with the same numbers in them, say the same. */
  same: 0.92,
  /** Candidates of each way to search. */
  depth: 200,
} as const;

const DAY_MS = 86_400_000;

/** A memory as it is ranked. Times in ms since the epoch. */
export interface RankedEntry {
  readonly id: string;
  readonly text: string;
  readonly kind: string;
  readonly importance: number;
  readonly updatedMs: number;
  readonly recalledMs: number | null;
}

/** How near texts are to a question, each 0..1. */
export interface Nearness {
  readonly vector: number;
  readonly words: number;
}

/** 1 for what is new, a half after `halfLifeDays`. */
export function recencyOf(atMs: number, nowMs: number, halfLifeDays: number): number {
  const days = Math.max(0, nowMs - atMs) / DAY_MS;
  return 0.5 ** (days / halfLifeDays);
}

/** When a question is asked. */
export interface RecallTime {
  readonly nowMs: number;
  readonly halfLifeDays: number;
}

/**
 * score = relevance x (0.7 + 0.2 x recency + 0.1 x importance), where relevance is the greater of the
 * vectors' cosine and the share of the question's words (by rarity) that the memory has; 0.3 at
 * least for a preference.
 */
export function scoreOf(entry: RankedEntry, near: Nearness, at: RecallTime): number {
  const { kind, importance, updatedMs } = entry;
  const least = kind === "preference" ? memoryRanking.preference : 0;
  const relevance = Math.max(near.vector, near.words, least);
  if (relevance === 0) return 0;
  const recency = recencyOf(updatedMs, at.nowMs, at.halfLifeDays);
  const parts = memoryRanking;
  return relevance * (parts.base + parts.recency * recency + parts.importance * importance);
}

/** A memory as it is given to the model and shown, with how its score came about. */
export function recalledOf(entry: RankedEntry, near: Nearness, at: RecallTime): RecalledMemory {
  const { id, text, kind, importance, updatedMs } = entry;
  return {
    ...{ id, text, kind },
    updated_at: new Date(updatedMs).toISOString(),
    score: rounded(scoreOf(entry, near, at)),
    scores: {
      vector: rounded(near.vector),
      words: rounded(near.words),
      recency: rounded(recencyOf(updatedMs, at.nowMs, at.halfLifeDays)),
      importance,
    },
  };
}

/** What a memory is worth to keep: its importance, halved with the time since it was of use. */
export function keepValue(entry: RankedEntry, nowMs: number, halfLifeDays: number): number {
  const usedMs = Math.max(entry.updatedMs, entry.recalledMs ?? 0);
  // A memory without any importance is still worth more the newer it is.
  return (0.1 + entry.importance) * recencyOf(usedMs, nowMs, halfLifeDays);
}

/**
 * How near the texts are to a question: by words and, with a vector, by vectors. What is near by
 * neither is left out.
 */
export function nearestTo(
  chunks: MemoryChunks,
  query: string,
  vector: Float32Array | null,
): ReadonlyMap<number, Nearness> {
  const found = new Map<number, Nearness>();
  for (const hit of searchLexical([chunks.lexical], query, memoryRanking.depth)) {
    found.set(hit.slot, { vector: 0, words: Math.min(1, hit.coverage) });
  }
  if (vector === null) return found;
  for (const hit of chunks.nearest(vector, memoryRanking.depth, () => true)) {
    if (hit.similarity <= 0) continue;
    const words = found.get(hit.slot)?.words ?? 0;
    found.set(hit.slot, { vector: Math.min(1, hit.similarity), words });
  }
  return found;
}

/** Whether two texts say the same, as far as their vectors tell. */
export function saysTheSame(
  left: { readonly text: string; readonly vector: Float32Array },
  right: { readonly text: string; readonly vector: Float32Array },
): boolean {
  if (left.vector.length === 0 || left.vector.length !== right.vector.length) return false;
  if (dot(left.vector, right.vector) < memoryRanking.same) return false;
  // Sentences about other numbers are near to each other, and are not the same.
  return numbersOf(left.text) === numbersOf(right.text);
}

function numbersOf(text: string): string {
  return (text.match(/\p{N}+/gu) ?? []).sort().join(" ");
}

const rounded = (value: number): number => Math.round(value * 10_000) / 10_000;
