// A collection's settings as a worker reads them, from its row in the tenant's table.

import { comingCollectionsTable, type StoredCollection } from "../../actors/records/collection.ts";
import type { RetrievalSettings } from "../../actors/records/retrieval.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { decode } from "../../runtime/store/codec.ts";
import { keys } from "../../runtime/store/keys.ts";
import type { Reader } from "../../runtime/store/store.ts";
import { collectionsTable, type Place } from "./rows.ts";

/** @param tables the hot environment. Undefined: there is no such collection. */
export function settingsFrom(
  tables: Reader,
): (place: Place) => Promise<RetrievalSettings | undefined> {
  return async ({ tenant, collection }) => {
    const row = await tables.get(keys.table(tenant, collectionsTable, collection));
    return row === undefined ? undefined : ((decode(row) as StoredCollection).retrieval ?? {});
  };
}

/** The record of a collection that takes documents in, also of one that is about to be. @throws NOT_FOUND. */
export async function collectionRecord(
  tables: Reader,
  { tenant, collection }: Place,
): Promise<Partial<StoredCollection>> {
  for (const table of [collectionsTable, comingCollectionsTable]) {
    const row = await tables.get(keys.table(tenant, table, collection));
    // A row of the tests may name no embedder.
    if (row !== undefined) return decode(row) as Partial<StoredCollection>;
  }
  throw new RuntimeError("NOT_FOUND", `Collection ${collection} does not exist.`);
}
