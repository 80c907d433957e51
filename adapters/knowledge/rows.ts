// Rows of the bulk environment that a collection is made of, and the one place that knows their
// shape. They are the truth: writer.ts writes them on any thread, every index is made from them.

import type { IndexedChunk } from "../../actors/knowledge/retrieve.ts";
import type { PostingsHeader, VectorHeader } from "../../actors/knowledge/segment.ts";
import type { Chunk } from "../../actors/knowledge/split.ts";
import type { DocumentView } from "../../actors/records/collection.ts";
import type { EmbedderPin } from "../../actors/records/embedder-pin.ts";
import { decode, encode } from "../../runtime/store/codec.ts";

/** Table of a tenant's collections in the hot environment: id `cl_...`. */
export const collectionsTable = "collections";

/** Where the rows of a collection lie. No range crosses either part. */
export interface Place {
  readonly tenant: string;
  readonly collection: string;
}

/** One write of one document. */
export interface Write {
  readonly documentId: string;
  /**
   * Chosen by the caller, 1..64 of A-Z a-z 0-9 _ . -: a step that is repeated uses the same one and
   * overwrites its own rows; no other write of the document may have it.
   */
  readonly writeId: string;
}

/** Whose vectors a collection holds; set before the first of them, others are refused. */
export type EmbedderName = EmbedderPin;

/** Head of a collection. An absent row is a collection that never had a document. */
export interface CollectionHead {
  /** Grows by one with every change of documents. */
  readonly generation: number;
  /** Slot of the next chunk: 53-bit, never used twice, the key in every index. */
  readonly nextSlot: number;
  readonly documents: number;
  readonly chunks: number;
  readonly embedder: EmbedderName | null;
  /** The collection was removed: nothing may be published into it any more. */
  readonly isRemoved?: true;
  /** Changes wait until then, in ms since the epoch: the next edition is about to be as new as this. */
  readonly heldUntil?: number;
}

/** A document without its text. `generation` is the change that made it visible. */
export interface DocumentRow extends DocumentView {
  readonly generation: number;
  /** Under which its text and chunks were written. */
  readonly writeId: string;
  /** Chunk `n` of the document has slot `firstSlot + n`. */
  readonly firstSlot: number;
}

/** Slots of one document's chunks: the first one and how many. */
export type SlotRange = readonly [first: number, count: number];

/** What one generation did to one document. */
export interface DocumentChange {
  readonly id: string;
  /** What it had before, and has now; null when there was or is no such document. */
  readonly before: SlotRange | null;
  readonly after: SlotRange | null;
}

/** The document whose chunks begin at a slot. */
export interface SlotRow {
  readonly id: string;
  readonly writeId: string;
  readonly chunks: number;
}

/** A write that is not visible. `since` in ms since the epoch. */
export interface WriteRow {
  readonly id: string;
  readonly writeId: string;
  readonly since: number;
}

/**
 * A chunk with its vector: unit length, finite, of the collection's dimension; or without numbers,
 * for a text without words: it is found by its place alone.
 */
export interface PreparedChunk extends Chunk {
  readonly vector: Float32Array;
}

const EMPTY: CollectionHead = {
  generation: 0,
  nextSlot: 0,
  documents: 0,
  chunks: 0,
  embedder: null,
};

/** Any row but a chunk. */
export function rowBytes(
  value: CollectionHead | DocumentRow | SlotRow | WriteRow | readonly DocumentChange[] | string,
): Uint8Array {
  return encode(value);
}

/** The head row. */
export function headOf(bytes: Uint8Array | undefined): CollectionHead {
  return bytes === undefined ? EMPTY : (decode(bytes) as CollectionHead);
}

/** A document row. */
export function documentOf(bytes: Uint8Array): DocumentRow {
  return decode(bytes) as DocumentRow;
}

/** A change row. */
export function changesOf(bytes: Uint8Array): readonly DocumentChange[] {
  return decode(bytes) as readonly DocumentChange[];
}

/** A slot row. */
export function slotOf(bytes: Uint8Array): SlotRow {
  return decode(bytes) as SlotRow;
}

/** A write row. */
export function writeOf(bytes: Uint8Array): WriteRow {
  return decode(bytes) as WriteRow;
}

/** A document's text, and where its pages start in it if it has pages. */
export interface TextRow {
  readonly text: string;
  readonly pages?: readonly number[];
}

/** Bytes of a text row: of most documents the text alone. */
export function textBytes(text: string, pages: readonly number[] | undefined): Uint8Array {
  return encode(pages === undefined || pages.length === 0 ? text : { text, pages });
}

/** A text row. */
export function textRowOf(bytes: Uint8Array): TextRow {
  const value = decode(bytes);
  return typeof value === "string" ? { text: value } : (value as TextRow);
}

/** Text in a row. */
export function textOf(bytes: Uint8Array): string {
  return textRowOf(bytes).text;
}

/** A chunk as stored: the vector as the bytes of its floats. */
export function chunkBytes({ vector, ...chunk }: PreparedChunk): Uint8Array {
  const floats = new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength);
  return encode({ ...chunk, vector: floats });
}

/** A stored chunk. */
export function preparedOf(bytes: Uint8Array): PreparedChunk {
  const row = decode(bytes) as {
    text: string;
    headings: string[];
    span: [number, number];
    context?: string;
    page?: number;
    vector: Uint8Array;
  };
  // Copied: the stored bytes need not lie at a multiple of four.
  return { ...row, vector: new Float32Array(row.vector.slice().buffer) };
}

/** A stored chunk of a document, for an index. */
export function chunkOf(
  chunk: PreparedChunk,
  edition: string,
  document: DocumentRow,
  number: number,
): IndexedChunk {
  const { text, headings, span, context, page, vector } = chunk;
  const { id, title, metadata } = document;
  // Named one by one: a spread of the chunk takes as long as reading its row.
  const plain: IndexedChunk = {
    documentId: id,
    documentTitle: title,
    chunkId: chunkId(edition, document, number),
    text,
    headings,
    span,
    metadata,
    vector,
  };
  if (context === undefined && page === undefined) return plain;
  return {
    ...plain,
    ...(context === undefined ? {} : { context }),
    ...(page === undefined ? {} : { page }),
  };
}

/**
 * Id of a chunk: the document's id, its number from 0, and a mark of the version of the document and the
 * edition of the collection. What is cited is that text: an id never names another one later.
 */
export function chunkId(
  edition: string,
  document: Pick<DocumentRow, "id" | "writeId">,
  number: number,
): string {
  return `${document.id}.${number}-${chunkMark(edition, document)}`;
}

/** The mark in the ids of all chunks of a document. */
export function chunkMark(edition: string, { writeId }: Pick<DocumentRow, "writeId">): string {
  // FNV-1a: a word of 32 bits.
  let mark = 0x811c9dc5;
  for (const text of [edition, "\n", writeId]) {
    for (let at = 0; at < text.length; at += 1) {
      mark = Math.imul(mark ^ text.charCodeAt(at), 0x01000193);
    }
  }
  return (mark >>> 0).toString(36);
}

/** Number of a chunk by an id of any version of its document; null for what is no such id. */
export function chunkNumberIn(documentId: string, chunk: string): number | null {
  const rest = chunk.startsWith(`${documentId}.`) ? chunk.slice(documentId.length + 1) : "";
  const number = /^(\d{1,10})-[0-9a-z]{1,7}$/.exec(rest)?.[1];
  return number === undefined ? null : Number(number);
}

/** The index files of a collection that count: a cache, made anew when they are not what this says. */
export interface SegmentRow {
  /** Sorts by time; the files' names begin with it. */
  readonly id: string;
  /** The collection's when they were made: what changed later is not in them. */
  readonly generation: number;
  /** Slots below this were given by then. */
  readonly nextSlot: number;
  readonly embedder: EmbedderName;
  readonly vectors: VectorHeader;
  readonly postings: PostingsHeader;
}

/** A segment row. */
export function segmentOf(bytes: Uint8Array): SegmentRow {
  return decode(bytes) as SegmentRow;
}

/** A segment row's bytes. */
export function segmentBytes(row: SegmentRow): Uint8Array {
  return encode(row);
}
