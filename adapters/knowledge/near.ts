// The nearest of a segment's chunks among those that a filter wants: from the graph, asked for more
// until enough are wanted, or, where it would be asked for too many, by exact comparison with the
// vectors in the rows. What is wanted and relevant is found, however rare it is.

import { dot } from "../../actors/knowledge/retrieve.ts";
import type { NearHit, PostingsView, VectorView } from "../../actors/knowledge/segment.ts";
import type { Reader } from "../../runtime/store/store.ts";
import { loadDocument } from "./changes.ts";
import type { Wanted } from "./directory.ts";
import type { Place } from "./rows.ts";
import { Slices } from "./slices.ts";

/** Where wanted chunks are looked for. */
export interface WantedIn {
  readonly reader: Reader;
  readonly place: Place;
  readonly vectors: VectorView;
  readonly postings: PostingsView;
  /** What is less similar is not relevant by its vector. */
  readonly similarityMin: number;
  /** A document was replaced before it was read. */
  replaced(): void;
}

/** Choice between the graph and the rows. */
export const nearLimits = {
  /** So few wanted chunks are compared one by one. */
  few: 256,
  /** Neighbours that are asked of the graph at most. */
  askedMax: 4_096,
  /** A row takes about as long to read and compare as so many neighbours take to be found. */
  askedPerRow: 4,
  /** Of the number that would just do if what is wanted lay evenly. */
  askedMore: 2,
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
    (await fromRows(index, vector, wanted, counts))
  );
}

/** Undefined when the rows are the better way. */
function fromGraph(
  { vectors, postings, similarityMin }: WantedIn,
  vector: Float32Array,
  limit: number,
  { chunks, total }: Wanted,
  counts: (slot: number) => boolean,
): readonly NearHit[] | undefined {
  const { few, askedMax, askedPerRow, askedMore } = nearLimits;
  if (chunks <= few) return undefined;
  const most = Math.min(askedMax, chunks * askedPerRow);
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

async function fromRows(
  { reader, place, postings, replaced }: WantedIn,
  vector: Float32Array,
  { documents }: Wanted,
  counts: (slot: number) => boolean,
): Promise<readonly NearHit[]> {
  // All chunks of a document are in the segment or none is; decided for all at one moment.
  const there = documents.filter(({ firstSlot }) => postings.has(firstSlot) && counts(firstSlot));
  const slices = new Slices();
  const hits: NearHit[] = [];
  for (const { id, firstSlot, chunks } of there) {
    const loaded = await loadDocument(reader, place, id, [firstSlot, chunks], slices);
    if (loaded === undefined) replaced();
    for (const [number, chunk] of (loaded?.chunks ?? []).entries()) {
      if (chunk.vector.length === 0) continue;
      hits.push({ slot: firstSlot + number, similarity: dot(chunk.vector, vector) });
    }
    await slices.breathe();
  }
  return hits;
}
