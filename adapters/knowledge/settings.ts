// A collection's settings as a worker reads them, from its row in the tenant's table.

import type { StoredCollection } from "../../actors/records/collection.ts";
import type { RetrievalSettings } from "../../actors/records/retrieval.ts";
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
