// Chunks of a unit's documents in pieces of a bounded size: what one step embeds.

import type { Chunk } from "../../actors/knowledge/split.ts";
import { ingestionLimits } from "../../actors/records/ingestion-job.ts";
import type { ReadDocument } from "./read-source.ts";

/** A chunk of a document on its way: what `embed` needs to store it. */
export interface KeptChunks {
  readonly documentId: string;
  readonly writeId: string;
  readonly title: string;
  /** Number of the first of them. */
  readonly from: number;
  readonly chunks: readonly Chunk[];
}

/** What one step embeds: how many chunks, of which documents. */
export interface Piece {
  readonly chunks: number;
  readonly documents: readonly number[];
  readonly kept: readonly KeptChunks[];
}

/** Pieces in the order of the documents, all but the last of `pieceChunks` chunks. */
export function piecesOf(
  read: readonly ReadDocument[],
  chunks: readonly (readonly Chunk[])[],
): readonly Piece[] {
  const pieces: { chunks: number; documents: number[]; kept: KeptChunks[] }[] = [];
  let last: (typeof pieces)[number] | undefined;
  for (const [at, { number, publication }] of read.entries()) {
    const { documentId, writeId, title } = publication;
    const all = chunks[at] ?? [];
    for (let from = 0; from < all.length; ) {
      if (last === undefined || last.chunks >= ingestionLimits.pieceChunks) {
        last = { chunks: 0, documents: [], kept: [] };
        pieces.push(last);
      }
      const some = all.slice(from, from + ingestionLimits.pieceChunks - last.chunks);
      last.kept.push({ documentId, writeId, title, from, chunks: some });
      last.documents.push(number);
      last.chunks += some.length;
      from += some.length;
    }
  }
  return pieces;
}
