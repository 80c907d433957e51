// What has changed in a collection since a generation, as slots: what to take out of an index and
// which documents to put in. For indexes in memory and for the next segment alike.

import { keys } from "../../runtime/store/keys.ts";
import type { Reader } from "../../runtime/store/store.ts";
import {
  changesOf,
  type DocumentRow,
  documentOf,
  type Place,
  type PreparedChunk,
  preparedOf,
  type SlotRange,
} from "./rows.ts";
import { rowsOf, rowsWith, type Slices } from "./slices.ts";

/** Changes put together. */
export interface Difference {
  readonly removed: readonly SlotRange[];
  /** Ids of documents with the slots they got. */
  readonly added: ReadonlyMap<string, SlotRange>;
  /** Ids of documents that were removed. */
  readonly gone: ReadonlySet<string>;
}

/** Changes after `since` up to `until`; undefined when they are not kept any more. */
export async function differenceOf(
  reader: Reader,
  { tenant, collection }: Place,
  { since, until }: { readonly since: number; readonly until: number },
  slices: Slices,
): Promise<Difference | undefined> {
  const removed: SlotRange[] = [];
  const added = new Map<string, SlotRange>();
  const gone = new Set<string>();
  const range = {
    from: keys.change(tenant, collection, since + 1),
    to: keys.change(tenant, collection, until + 1),
  };
  let count = 0;
  for await (const { value } of rowsOf(reader, range, slices)) {
    count += 1;
    for (const { id, before, after } of changesOf(value)) {
      if (before !== null) removed.push(before);
      added.delete(id);
      gone.delete(id);
      if (after === null) gone.add(id);
      else added.set(id, after);
    }
  }
  return count === until - since ? { removed, added, gone } : undefined;
}

/** Every document there is, as if it had just come. Some may be newer than the head read before. */
export async function everything(
  reader: Reader,
  { tenant, collection }: Place,
  slices: Slices,
): Promise<Difference> {
  const added = new Map<string, SlotRange>();
  for await (const { value } of rowsWith(reader, keys.documentsOf(tenant, collection), slices)) {
    const { id, firstSlot, chunks } = documentOf(value);
    added.set(id, [firstSlot, chunks]);
  }
  return { removed: [], added, gone: new Set() };
}

/** A document's chunks in order of slot. */
export interface Loaded {
  readonly document: DocumentRow;
  /** Length of the document's row. */
  readonly bytes: number;
  readonly chunks: readonly PreparedChunk[];
}

/**
 * Chunks of a document as it was when it got these slots; undefined when it has been replaced since,
 * also while it is being read: a later change says so.
 */
export async function loadDocument(
  reader: Reader,
  { tenant, collection }: Place,
  id: string,
  [first, count]: SlotRange,
  slices: Slices,
): Promise<Loaded | undefined> {
  const stored = await reader.get(keys.document(tenant, collection, id));
  const document = stored === undefined ? undefined : documentOf(stored);
  if (stored === undefined || document?.firstSlot !== first) return undefined;
  const chunks: PreparedChunk[] = [];
  const prefix = keys.chunksOf(tenant, collection, id, document.writeId);
  for await (const { value } of rowsWith(reader, prefix, slices)) chunks.push(preparedOf(value));
  const bytes = stored.byteLength;
  return chunks.length === count ? { document, bytes, chunks } : undefined;
}
