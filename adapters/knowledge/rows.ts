// Rows of the bulk environment that a collection is made of, and the one place that knows their
// shape: store.ts writes them on main, retriever.ts reads them on workers.

import type { IndexedChunk } from "../../actors/knowledge/retrieve.ts";
import type { Chunk } from "../../actors/knowledge/split.ts";
import { decode, encode } from "../../runtime/store/codec.ts";

/** Table of a tenant's collections in the hot environment: id `cl_...`. */
export const collectionsTable = "collections";

/** A document without its text. `version` is the generation that wrote it. */
export interface DocumentRow {
  readonly id: string;
  readonly title: string;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly chunks: number;
  readonly bytes: number;
  readonly content_hash: string;
  readonly version: number;
  readonly created_at: string;
  readonly updated_at: string;
}

/** A chunk with its vector. */
export interface PreparedChunk extends Chunk {
  readonly vector: Float32Array;
}

/** Any row but a chunk. */
export function rowBytes(value: DocumentRow | number | string): Uint8Array {
  return encode(value);
}

/** What `rowBytes` was given. */
export function documentOf(bytes: Uint8Array): DocumentRow {
  return decode(bytes) as DocumentRow;
}

/** Generation of a collection; an absent row is 0. */
export function generationOf(bytes: Uint8Array | undefined): number {
  return bytes === undefined ? 0 : Number(decode(bytes));
}

/** Text in a row. */
export function textOf(bytes: Uint8Array): string {
  return String(decode(bytes));
}

/** A chunk as stored: the vector as the bytes of its floats. */
export function chunkBytes({ vector, ...chunk }: PreparedChunk): Uint8Array {
  const floats = new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength);
  return encode({ ...chunk, vector: floats });
}

/** A stored chunk of a document. */
export function chunkOf(bytes: Uint8Array, document: DocumentRow, number: number): IndexedChunk {
  const row = decode(bytes) as {
    text: string;
    headings: string[];
    span: [number, number];
    context?: string;
    vector: Uint8Array;
  };
  return {
    documentId: document.id,
    documentTitle: document.title,
    chunkId: chunkId(document.id, number),
    text: row.text,
    headings: row.headings,
    span: row.span,
    ...(row.context === undefined ? {} : { context: row.context }),
    metadata: document.metadata,
    // Copied: the stored bytes need not lie at a multiple of four.
    vector: new Float32Array(row.vector.slice().buffer),
  };
}

/** Id of a chunk: the document's id and its number from 0. */
export function chunkId(documentId: string, number: number): string {
  return `${documentId}.${number}`;
}
