// Stored documents as the front door uses them: listed, shown, removed. What is sent goes into a
// collection by an ingestion job.

import type {
  DocumentView,
  DocumentWithText,
  PassageInDocument,
} from "../../actors/records/collection.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import type { Bulk } from "../../runtime/store/bulk.ts";
import { listDocuments, readDocument, readPassage } from "./library.ts";
import type { Place } from "./rows.ts";
import { createKnowledgeWriter } from "./writer.ts";

/** Documents of collections, by tenant. Whether the collection exists is the caller's question. */
export interface KnowledgeStore {
  /** @throws NOT_FOUND. */
  document(tenant: string, collection: string, id: string): Promise<DocumentWithText>;
  /** @throws NOT_FOUND, also for a passage of an earlier version. */
  passage(
    tenant: string,
    collection: string,
    id: string,
    chunk: string,
  ): Promise<PassageInDocument>;
  /** In order of key, after the document `after`. `limit` 1..201. */
  documents(
    tenant: string,
    collection: string,
    options: { readonly after?: string; readonly limit: number },
  ): Promise<readonly DocumentView[]>;
  /** @throws NOT_FOUND. */
  removeDocument(tenant: string, collection: string, id: string): Promise<void>;
  /** Removes everything of a collection; nothing there is no error. */
  removeCollection(tenant: string, collection: string): Promise<void>;
}

/** What the store works with. */
export interface KnowledgeOptions {
  readonly bulk: Bulk;
  /** Milliseconds since the epoch. Default: the system's clock. */
  readonly nowMs?: () => number;
  /** Told after every change that became visible. */
  readonly changed?: (place: Place) => Promise<void>;
}

/** The store over the bulk environment. */
export function createKnowledgeStore(options: KnowledgeOptions): KnowledgeStore {
  const { bulk, changed, nowMs = Date.now } = options;
  const told = changed === undefined ? {} : { changed };
  const writer = createKnowledgeWriter({ bulk, nowMs, ...told });
  return {
    document: (tenant, collection, id) => readDocument(bulk, { tenant, collection }, id),
    passage: (tenant, collection, id, chunk) =>
      readPassage(bulk, { tenant, collection }, id, chunk),
    documents: (tenant, collection, page) => listDocuments(bulk, { tenant, collection }, page),
    async removeDocument(tenant, collection, id) {
      const removed = await writer.removeDocuments({ tenant, collection }, [id]);
      if (removed.length > 0) return;
      throw new RuntimeError("NOT_FOUND", `There is no document ${id} in this collection.`);
    },
    removeCollection: (tenant, collection) => writer.removeCollection({ tenant, collection }),
  };
}
