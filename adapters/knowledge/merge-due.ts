// When a collection's index files should be made anew.

import type { CollectionHead, SegmentRow } from "./rows.ts";

/** Limits of what every searching thread holds in memory beside the files. */
export const mergeLimits = {
  /** Collections up to this many chunks have no files. */
  smallMax: 4_096,
  /** New chunks since the last merge at which the next one starts; at most 4,096 are meant to wait. */
  deltaMax: 2_048,
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
