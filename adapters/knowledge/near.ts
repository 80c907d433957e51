// The nearest of a segment's chunks among those that a filter wants: from the graph, asked for more
// until enough are wanted, or, where it would be asked for too many, by comparison with each, or with all
// coarsely, whichever takes less. What is wanted and relevant is found, however rare it is.

import type { NearHit, PostingsView, VectorView } from "../../actors/knowledge/segment.ts";
import type { Wanted } from "./directory.ts";

/** Where wanted chunks are looked for. */
export interface WantedIn {
  readonly vectors: VectorView;
  readonly postings: PostingsView;
  /** What is less similar is not relevant by its vector. */
  readonly similarityMin: number;
}

/** Choice between the graph and comparing. */
export const nearLimits = {
  /** Neighbours that are asked of the graph at most. */
  askedMax: 4_096,
  /** A neighbour takes about as long to find as so many chunks take to compare. */
  comparedPerAsked: 16,
  /** To begin reading elsewhere in the file takes as long as to read and compare so many. */
  comparedPerReading: 6,
  /** Of the number that would just do if what is wanted lay evenly. */
  askedMore: 1.5,
  /** Each time it is asked again, for so many times as many, at least and where nothing was found. */
  askedAgain: 2,
  askedAfterNone: 4,
} as const;

/** Nearest first, at most `limit`. @param counts whether a slot is visible and wanted. */
export async function nearestWanted(
  index: WantedIn,
  vector: Float32Array,
  limit: number,
  wanted: Wanted,
  counts: (slot: number) => boolean,
): Promise<readonly NearHit[]> {
  if (wanted.chunks === 0) return [];
  const { vectors, postings } = index;
  const scanning = vectors.scanTakes(vector, limit);
  const comparing = comparingTakes(wanted);
  const hits = fromGraph(index, vector, limit, Math.min(scanning, comparing), { wanted, counts });
  if (hits !== undefined) return hits;
  if (comparing <= scanning) return await compared(index, vector, limit, wanted, counts);
  return await vectors.scan(vector, limit, (slot) => postings.has(slot) && counts(slot));
}

/** Undefined when another way is better. @param other what that takes. */
function fromGraph(
  { vectors, postings, similarityMin }: WantedIn,
  vector: Float32Array,
  limit: number,
  other: number,
  { wanted, counts }: { readonly wanted: Wanted; readonly counts: (slot: number) => boolean },
): readonly NearHit[] | undefined {
  const { askedMax, askedMore, askedAgain, askedAfterNone, comparedPerAsked } = nearLimits;
  const most = Math.min(askedMax, other / comparedPerAsked);
  // So many wanted ones are among those asked for as a search without a filter would have looked at:
  // a graph is sure of the first of what it gives and not of the last.
  const askedFor = (candidates: number): number =>
    Math.ceil((Math.max(limit * askedMore, candidates) * wanted.total) / wanted.chunks);
  if (askedFor(vectors.candidatesLeast) > most) return undefined;
  let asked = askedFor(vectors.candidates(vector));
  while (asked <= most) {
    const hits = vectors.search(vector, asked);
    const found = hits.filter(({ slot }) => postings.has(slot) && counts(slot));
    if (found.length >= limit) return found;
    const last = hits.at(-1);
    if (last !== undefined && last.similarity < similarityMin) return found;
    // The graph has no more, and need not have reached every chunk.
    if (hits.length < asked) return undefined;
    // What is wanted lies as thick further out as it did here, as far as anybody knows.
    const enough = (limit * askedMore) / found.length;
    asked = Math.ceil(asked * (found.length === 0 ? askedAfterNone : Math.max(askedAgain, enough)));
  }
  return undefined;
}

/** Whether a question about everything is better compared with each. */
export function isAllCompared({ candidatesLeast, count }: Searched): boolean {
  return candidatesLeast * nearLimits.comparedPerAsked > count;
}

/** Whether it is better scanned. */
export function isScanned(vectors: VectorView, vector: Float32Array, limit: number): boolean {
  return vectors.scanTakes(vector, limit) < allTakes(vectors);
}

/** What a question about everything takes without a scan, in chunks that are compared. */
export function allTakes({ candidatesLeast, count }: Searched): number {
  return Math.min(candidatesLeast * nearLimits.comparedPerAsked, count);
}

type Searched = Pick<VectorView, "candidatesLeast" | "count">;

/** In chunks that lie together. What lies between two that are wanted is read along or skipped, whatever is less. */
function comparingTakes({ chunks, total, documents }: Wanted): number {
  return chunks + Math.min(documents.length * nearLimits.comparedPerReading, total - chunks);
}

function compared(
  { vectors, postings }: WantedIn,
  vector: Float32Array,
  limit: number,
  { documents }: Wanted,
  counts: (slot: number) => boolean,
): Promise<readonly NearHit[]> {
  // All chunks of a document are in the segment or none is; decided for all at one moment.
  const there = documents.filter(({ firstSlot }) => postings.has(firstSlot) && counts(firstSlot));
  const ranges = there.map(({ firstSlot, chunks }) => [firstSlot, chunks] as const);
  return vectors.compare(vector, ranges, limit);
}
