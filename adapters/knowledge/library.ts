// Stored documents as they are listed and shown.

import type { DocumentView, DocumentWithText } from "../../actors/records/collection.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { keys, prefixRange } from "../../runtime/store/keys.ts";
import type { Reader } from "../../runtime/store/store.ts";
import { type DocumentRow, documentOf, type Place, textOf } from "./rows.ts";

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
