// Stored documents as they are listed and shown.

import type {
  DocumentView,
  DocumentWithText,
  PassageInDocument,
} from "../../actors/records/collection.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { keys, prefixRange } from "../../runtime/store/keys.ts";
import type { Reader } from "../../runtime/store/store.ts";
import { chunkId, type DocumentRow, documentOf, type Place, preparedOf, textOf } from "./rows.ts";

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
  if (row === undefined) {
    throw new RuntimeError("NOT_FOUND", `There is no document ${id} in this collection.`);
  }
  const { tenant, collection } = place;
  const stored = await reader.get(keys.documentText(tenant, collection, id, row.writeId));
  return { ...shownOf(row), text: stored === undefined ? "" : textOf(stored) };
}

/** Bytes of a document that are shown before and after a passage. */
const AROUND_BYTES = 600;

/** A passage in its document. @throws NOT_FOUND, also for the passage of an earlier version. */
export async function readPassage(
  reader: Reader,
  place: Place,
  id: string,
  chunk: string,
): Promise<PassageInDocument> {
  const row = await findDocument(reader, place, id);
  const number = row === undefined ? -1 : numberOf(row, chunk);
  if (row === undefined || number < 0) {
    throw new RuntimeError("NOT_FOUND", `There is no passage ${chunk} in this document.`);
  }
  const { tenant, collection } = place;
  const { writeId } = row;
  const [stored, whole] = await Promise.all([
    reader.get(keys.chunk(tenant, collection, id, writeId, number)),
    reader.get(keys.documentText(tenant, collection, id, writeId)),
  ]);
  if (stored === undefined || whole === undefined) {
    // Replaced between the two reads.
    throw new RuntimeError("NOT_FOUND", `There is no passage ${chunk} in this document any more.`);
  }
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

function numberOf({ id, chunks }: DocumentRow, chunk: string): number {
  const number = chunk.startsWith(`${id}.`) ? Number(chunk.slice(id.length + 1)) : -1;
  return Number.isInteger(number) && number < chunks && chunkId(id, number) === chunk ? number : -1;
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
