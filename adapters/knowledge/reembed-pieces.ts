// What is embedded at a time when a collection is embedded anew, and what becomes of a document.

import { createHash } from "node:crypto";
import type { RefusedDocument } from "../../actors/ingestion/port.ts";
import type { Chunk } from "../../actors/knowledge/split.ts";
import { reembedLimits as limits } from "../../actors/records/ingestion-job.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import type { Publication } from "./publish.ts";
import type { DocumentRow } from "./rows.ts";

/** A part of a document whose chunks are not stored. */
export interface Unwritten {
  readonly row: DocumentRow;
  readonly from: number;
  readonly chunks: readonly Chunk[];
}

/** Key of the report on a document: in order of the beginnings of their ids. */
export function reportKeyOf(id: string): string {
  const bytes = Buffer.from(id);
  const hash = createHash("sha256").update(bytes).digest("hex").slice(0, 16);
  return `r${bytes.subarray(0, 16).toString("hex")}.${hash}`;
}

/** Says which document it is that an embedder refuses. */
export function refusedAs({ id, title }: DocumentRow, error: RuntimeError): RuntimeError {
  const document: RefusedDocument = { key: reportKeyOf(id), id, title };
  const details = { ...error.details, document };
  return new RuntimeError(error.code, `Document ${id}: ${error.message}`, details, {
    cause: error,
  });
}

/** The document as it was sent and when, with other chunks. */
export function publicationOf(row: DocumentRow, chunks: number): Publication {
  const { id: documentId, writeId, title, metadata, bytes } = row;
  const { content_hash: contentHash, created_at, updated_at } = row;
  const times = { created_at, updated_at };
  return { documentId, writeId, title, metadata, bytes, contentHash, chunks, times };
}

/** As many texts at a time as are split at once. */
export function* boundedTexts(texts: readonly string[]): Generator<readonly string[]> {
  let some: string[] = [];
  let chars = 0;
  for (const text of texts) {
    if (some.length > 0 && chars + text.length > limits.splitChars) {
      yield some;
      some = [];
      chars = 0;
    }
    some.push(text);
    chars += text.length;
  }
  if (some.length > 0) yield some;
}

/** What is embedded at a time. */
export function piecesOf(parts: readonly Unwritten[]): readonly (readonly Unwritten[])[] {
  const pieces: Unwritten[][] = [];
  let room = 0;
  for (const part of parts) {
    if (part.chunks.length > room) {
      pieces.push([]);
      room = limits.pieceChunks;
    }
    pieces.at(-1)?.push(part);
    room -= part.chunks.length;
  }
  return pieces;
}
