// The nearest of a segment's chunks among those that a filter wants: from the graph, asked for more
// until enough are wanted, or, where it would be asked for too many, by comparison with each. What is
// wanted and relevant is found, however rare it is.

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
  comparedPerAsked: 6,
  /** Of the number that would just do if what is wanted lay evenly. */
  askedMore: 1.5,
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
  return (
    fromGraph(index, vector, limit, wanted, counts) ??
    (await compared(index, vector, limit, wanted, counts))
  );
}

/** Undefined when comparing is the better way. */
function fromGraph(
  { vectors, postings, similarityMin }: WantedIn,
  vector: Float32Array,
  limit: number,
  { chunks, total }: Wanted,
  counts: (slot: number) => boolean,
): readonly NearHit[] | undefined {
  const { askedMax, comparedPerAsked, askedMore } = nearLimits;
  const most = Math.min(askedMax, chunks / comparedPerAsked);
  for (let asked = Math.ceil((limit * askedMore * total) / chunks); asked <= most; asked *= 4) {
    const hits = vectors.search(vector, asked);
    const found = hits.filter(({ slot }) => postings.has(slot) && counts(slot));
    if (found.length >= limit) return found;
    const last = hits.at(-1);
    if (last !== undefined && last.similarity < similarityMin) return found;
    // The graph has no more, and need not have reached every chunk.
    if (hits.length < asked) return undefined;
  }
  return undefined;
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
