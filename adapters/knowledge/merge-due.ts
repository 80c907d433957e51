// When a collection's index files should be made anew.

import { keys } from "../../runtime/store/keys.ts";
import type { Reader } from "../../runtime/store/store.ts";
import { type CollectionHead, headOf, type Place, type SegmentRow, segmentOf } from "./rows.ts";

/** Limits of what every searching thread holds in memory beside the files. */
export const mergeLimits = {
  /** Collections up to this many chunks have no files. */
  smallMax: 4_096,
  /** New chunks since the last merge at which the next one starts. */
  deltaMax: 2_048,
  /** Chunks beside the files that every searching thread holds in memory: jobs wait before they are more. */
  besideMax: 4_096,
  /** Part of the files' chunks that may be gone before they are made from nothing. */
  goneShareMax: 0.2,
} as const;

/** @param segment of the files there are. */
export function isMergeDue(
  { nextSlot, chunks, isRemoved }: CollectionHead,
  segment: SegmentRow | null,
): boolean {
  if (isRemoved) return false;
  if (segment === null) return chunks > mergeLimits.smallMax;
  const added = nextSlot - segment.nextSlot;
  if (added > mergeLimits.deltaMax) return true;
  const { chunks: inFiles, alive } = segment.postings;
  const gone = inFiles - alive + Math.max(0, alive + added - chunks);
  return gone > Math.max(mergeLimits.deltaMax, inFiles * mergeLimits.goneShareMax);
}

/** Whether a merge of an edition would do something. */
export async function isMergeDueAt(reader: Reader, place: Place): Promise<boolean> {
  const { tenant, collection } = place;
  const head = headOf(await reader.get(keys.collectionHead(tenant, collection)));
  return isMergeDue(head, await segmentAt(reader, place));
}

/** The files that count. */
export async function segmentAt(
  reader: Reader,
  { tenant, collection }: Place,
): Promise<SegmentRow | null> {
  const stored = await reader.get(keys.segment(tenant, collection));
  return stored === undefined ? null : segmentOf(stored);
}

/**
 * How many more chunks may become visible before the next merge is done. Where none is due, waiting
 * would be of no use: a document that is longer than the room comes all the same, alone.
 */
export function roomOf(
  head: CollectionHead,
  segment: SegmentRow | null,
): { readonly chunks: number; readonly isMergeDue: boolean } {
  const beside = segment === null ? head.chunks : head.nextSlot - segment.nextSlot;
  const chunks = Math.max(0, mergeLimits.besideMax - beside);
  return { chunks, isMergeDue: isMergeDue(head, segment) };
}
