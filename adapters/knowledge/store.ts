// Stored documents as the front door uses them: listed, shown, removed. What is sent goes into a
// collection by an ingestion job.

import type {
  DocumentView,
  DocumentWithText,
  PassageInDocument,
} from "../../actors/records/collection.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import type { Bulk } from "../../runtime/store/bulk.ts";
import { keys } from "../../runtime/store/keys.ts";
import { beginEdition, dropEdition, removeEditions } from "./edition-changes.ts";
import { changeCurrent, readCurrent, readEditions } from "./editions.ts";
import { listDocuments, readDocument, readPassage } from "./library.ts";
import { type EmbedderName, headOf, type Place } from "./rows.ts";
import { createKnowledgeWriter } from "./writer.ts";

/** Documents of collections, by tenant. Whether the collection exists is the caller's question. */
export interface KnowledgeStore {
  /** @throws NOT_FOUND. */
  document(tenant: string, collection: string, id: string): Promise<DocumentWithText>;
  /** @throws NOT_FOUND; PASSAGE_GONE for a passage of an earlier version. */
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
  /** Whose vectors a collection holds since it was embedded anew (null: it never was), and of how many. */
  edition(
    tenant: string,
    collection: string,
  ): Promise<{ readonly embedder: EmbedderName | null; readonly documents: number }>;
  /**
   * Begins another edition of a collection. @param isKnown whether a job exists: what one that does
   * not had begun is given up. @throws CONFLICT when another one is being built.
   */
  beginEdition(
    tenant: string,
    collection: string,
    by: { readonly job: string; readonly embedder: EmbedderName },
    isKnown: (job: string) => Promise<boolean>,
  ): Promise<void>;
  /** Gives up the edition that a job was to build; the one that counts stays. */
  dropEdition(tenant: string, collection: string, job: string): Promise<void>;
}

/** What the store works with. */
export interface KnowledgeOptions {
  readonly bulk: Bulk;
  /** Milliseconds since the epoch. Default: the system's clock. */
  readonly nowMs?: () => number;
  /** Told of the edition after every change that became visible. */
  readonly changed?: (edition: Place) => Promise<void>;
  /** Removes the index files of an edition. */
  readonly removeFiles?: (edition: Place) => Promise<void>;
}

/** The store over the bulk environment. */
export function createKnowledgeStore(options: KnowledgeOptions): KnowledgeStore {
  const { bulk, changed, removeFiles = () => Promise.resolve(), nowMs = Date.now } = options;
  const told = changed === undefined ? {} : { changed };
  const writer = createKnowledgeWriter({ bulk, nowMs, ...told });
  const read = <T>(tenant: string, collection: string, of: (edition: Place) => Promise<T>) =>
    readCurrent(bulk, { tenant, collection }, of);
  const removal = { bulk, writer, removeFiles };
  return {
    document: (tenant, collection, id) =>
      read(tenant, collection, (edition) => readDocument(bulk, edition, id)),
    passage: (tenant, collection, id, chunk) =>
      read(tenant, collection, (edition) => readPassage(bulk, edition, id, chunk)),
    documents: (tenant, collection, page) =>
      read(tenant, collection, (edition) => listDocuments(bulk, edition, page)),
    async removeDocument(tenant, collection, id) {
      const removed = await changeCurrent(bulk, { tenant, collection }, (edition) =>
        writer.removeDocuments(edition, [id]),
      );
      if (removed.length > 0) return;
      throw new RuntimeError("NOT_FOUND", `There is no document ${id} in this collection.`);
    },
    removeCollection: (tenant, collection) => removeEditions(removal, { tenant, collection }),
    edition: async (tenant, collection) => {
      const { editions } = await readEditions(bulk, { tenant, collection });
      const head = await bulk.get(keys.collectionHead(tenant, editions.current));
      return { embedder: editions.embedder, documents: headOf(head).documents };
    },
    beginEdition: (tenant, collection, by, isKnown) =>
      beginEdition(bulk, { tenant, collection }, by, isKnown),
    dropEdition: (tenant, collection, job) => dropEdition(removal, { tenant, collection }, job),
  };
}
