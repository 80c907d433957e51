// On which page of a paged document a chunk begins, so that a citation can name it. Pure.

import type { Chunk } from "./split.ts";

/** @param pages where each page starts, in UTF-8 bytes of the document's text; the first is page 1. */
export function withPages(
  chunks: readonly Chunk[],
  pages: readonly number[] | undefined,
): readonly Chunk[] {
  if (pages === undefined || pages.length === 0) return chunks;
  return chunks.map((chunk) => ({ ...chunk, page: pageAt(pages, chunk.span[0]) }));
}

function pageAt(pages: readonly number[], byte: number): number {
  let low = 0;
  let high = pages.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((pages[middle] ?? 0) <= byte) low = middle + 1;
    else high = middle;
  }
  return Math.max(1, low);
}
