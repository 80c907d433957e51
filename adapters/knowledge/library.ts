// Stored documents as they are listed and shown.

import type {
  DocumentView,
  DocumentWithText,
  PassageInDocument,
} from "../../actors/records/collection.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { keys, prefixRange } from "../../runtime/store/keys.ts";
import type { Reader } from "../../runtime/store/store.ts";
import {
  chunkId,
  chunkNumberIn,
  type DocumentRow,
  documentOf,
  type Place,
  preparedOf,
  textOf,
} from "./rows.ts";

/** Rows of one list. */
export const LIST_MAX = 201;

/** A document's row, or undefined. `content_hash` says whether the same content is there already. */
export async function findDocument(
  reader: Reader,
  { tenant, collection }: Place,
  id: string,
): Promise<DocumentRow | undefined> {
  const stored = await reader.get(keys.document(tenant, collection, id));
  return stored === undefined ? undefined : documentOf(stored);
}

/** A document with its text. @throws NOT_FOUND. */
export async function readDocument(
  reader: Reader,
  place: Place,
  id: string,
): Promise<DocumentWithText> {
  const row = await findDocument(reader, place, id);
  if (row === undefined) throw noDocument(id);
  const { tenant, collection } = place;
  const stored = await reader.get(keys.documentText(tenant, collection, id, row.writeId));
  return { ...shownOf(row), text: stored === undefined ? "" : textOf(stored) };
}

/** Bytes of a document that are shown before and after a passage. */
const AROUND_BYTES = 600;

/**
 * A passage in its document.
 * @throws NOT_FOUND for a document or a passage that is not there, PASSAGE_GONE for a passage of an earlier
 *   version of the document, or of the collection as another embedder divided it.
 */
export async function readPassage(
  reader: Reader,
  place: Place,
  id: string,
  chunk: string,
): Promise<PassageInDocument> {
  const row = await findDocument(reader, place, id);
  if (row === undefined) throw noDocument(id);
  const { tenant, collection } = place;
  const number = chunkNumberIn(id, chunk);
  if (number === null) throw noPassage(chunk);
  if (chunkId(collection, row, number) !== chunk) throw passageGone(chunk);
  if (number >= row.chunks) throw noPassage(chunk);
  const { writeId } = row;
  const [stored, whole] = await Promise.all([
    reader.get(keys.chunk(tenant, collection, id, writeId, number)),
    reader.get(keys.documentText(tenant, collection, id, writeId)),
  ]);
  // Replaced between the two reads.
  if (stored === undefined || whole === undefined) throw passageGone(chunk);
  const { text, headings, span, context, page } = preparedOf(stored);
  const bytes = Buffer.from(textOf(whole));
  return {
    id: chunk,
    document_id: id,
    title: row.title,
    text,
    headings,
    ...(context === undefined ? {} : { context }),
    ...(page === undefined ? {} : { page }),
    span,
    before: wholeCharacters(bytes.subarray(Math.max(0, span[0] - AROUND_BYTES), span[0])),
    after: wholeCharacters(bytes.subarray(span[1], span[1] + AROUND_BYTES)),
    metadata: row.metadata,
  };
}

function noDocument(id: string): RuntimeError {
  return new RuntimeError("NOT_FOUND", `There is no document ${id} in this collection.`);
}

function noPassage(chunk: string): RuntimeError {
  return new RuntimeError("NOT_FOUND", `There is no passage ${chunk} in this document.`);
}

function passageGone(chunk: string): RuntimeError {
  const message = `Passage ${chunk} is of an earlier version of the document, or of before the collection was embedded anew.`;
  return new RuntimeError("PASSAGE_GONE", message);
}

/** A cut through a character leaves a part of it at either end, which is left out. */
function wholeCharacters(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes).replace(/^\ufffd+|\ufffd+$/g, "");
}

/** Documents in order of key, after the document `after`; at most 201. */
export async function listDocuments(
  reader: Reader,
  { tenant, collection }: Place,
  { after, limit }: { readonly after?: string; readonly limit: number },
): Promise<readonly DocumentView[]> {
  const { from, to } = prefixRange(keys.documentsOf(tenant, collection), limit);
  const start = after === undefined ? from : `${keys.document(tenant, collection, after)}!`;
  const rows = await reader.range({ from: start, to, limit: Math.min(limit, LIST_MAX) });
  return rows.map(({ value }) => shownOf(documentOf(value)));
}

function shownOf(row: DocumentRow): DocumentView {
  const { generation: _, writeId: __, firstSlot: ___, ...shown } = row;
  return shown;
}
