// Collections and their documents: the row of a collection is a row of the tenant; splitting,
// storing and searching are done by what the composition root hands in.

import type { Embedders, Passage, Retriever } from "../../../actors/ports.ts";
import {
  type Collection,
  type CollectionInput,
  collectionsTable,
  type DocumentView,
  type DocumentWithText,
  type PassageInDocument,
} from "../../../actors/records/collection.ts";
import type { Filter } from "../../../actors/records/filter.ts";
import type { IngestionJob, Source } from "../../../actors/records/ingestion-job.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import { newId } from "../../../runtime/id.ts";
import type { System } from "../../../runtime/system.ts";
import type { AddOptions, IngestionService } from "./ingestion.ts";
import { type Page, type PageRequest, pageOf } from "./paging.ts";

/** Stored documents of collections that exist. */
export interface Documents {
  /** @throws NOT_FOUND. */
  document(tenant: string, collection: string, id: string): Promise<DocumentWithText>;
  /** @throws NOT_FOUND, also for a passage of an earlier version. */
  passage(
    tenant: string,
    collection: string,
    id: string,
    chunk: string,
  ): Promise<PassageInDocument>;
  documents(
    tenant: string,
    collection: string,
    options: { readonly after?: string; readonly limit: number },
  ): Promise<readonly DocumentView[]>;
  /** @throws NOT_FOUND. */
  removeDocument(tenant: string, collection: string, id: string): Promise<void>;
  removeCollection(tenant: string, collection: string): Promise<void>;
}

/** Collections of all tenants. Every call on one that does not exist throws NOT_FOUND. */
export interface KnowledgeService {
  create(tenant: string, input: CollectionInput): Promise<Collection>;
  list(tenant: string, page: PageRequest): Promise<Page<Collection>>;
  get(tenant: string, id: string): Promise<Collection>;
  remove(tenant: string, id: string): Promise<void>;
  /** Starts an ingestion job. */
  add(
    tenant: string,
    id: string,
    sources: readonly Source[],
    options: AddOptions,
  ): Promise<IngestionJob>;
  document(tenant: string, id: string, document: string): Promise<DocumentWithText>;
  passage(tenant: string, id: string, document: string, chunk: string): Promise<PassageInDocument>;
  documents(tenant: string, id: string, page: PageRequest): Promise<Page<DocumentView>>;
  removeDocument(tenant: string, id: string, document: string): Promise<void>;
  search(
    tenant: string,
    id: string,
    request: {
      readonly query: string;
      readonly topK: number;
      readonly mode?: "hybrid" | "vector" | "lexical";
      readonly filter?: Filter;
    },
  ): Promise<readonly Passage[]>;
}

const COLLECTION_ID = /^cl_[A-Za-z0-9]{1,61}$/;

/** The service over a system's tables. */
export function createKnowledgeService(options: {
  readonly system: System;
  readonly documents: Documents;
  readonly ingestion: IngestionService;
  readonly retriever: Retriever;
  readonly embedders: Embedders;
  nowMs(): number;
}): KnowledgeService {
  const { documents, ingestion, retriever, embedders, nowMs } = options;
  const { tables } = options.system;
  const get = async (tenant: string, id: string): Promise<Collection> => {
    const row = COLLECTION_ID.test(id) ? await tables.get(tenant, collectionsTable, id) : undefined;
    if (row !== undefined) return row.value as Collection;
    throw new RuntimeError("NOT_FOUND", `Collection ${id.slice(0, 64)} does not exist.`);
  };
  return {
    get,
    create: async (tenant, input) => {
      const { name, embedder = embedders.defaultName, metadata = {} } = input;
      const { id: embedderId, dimension } = await embedders.find(embedder);
      const id = newId("cl", nowMs());
      const created_at = new Date(nowMs()).toISOString();
      const pin = { id: embedderId, dimension };
      const value: Collection = { id, name, embedder: pin, metadata, created_at };
      await tables.write(tenant, [{ type: "put", table: collectionsTable, id, value }]);
      return value;
    },
    list: async (tenant, { limit, after }) => {
      const range = { limit: limit + 1, ...(after === undefined ? {} : { after }) };
      const rows = await tables.list(tenant, collectionsTable, range);
      return pageOf(rows, limit, { id: (row) => row.id, item: (row) => row.value as Collection });
    },
    remove: async (tenant, id) => {
      await get(tenant, id);
      // The row goes first: from then on nobody finds the collection, whatever else is left of it.
      await tables.write(tenant, [{ type: "remove", table: collectionsTable, id }]);
      await documents.removeCollection(tenant, id);
    },
    add: async (tenant, id, sources, how) => {
      await get(tenant, id);
      return await ingestion.add(tenant, id, sources, how);
    },
    document: async (tenant, id, document) => {
      await get(tenant, id);
      return await documents.document(tenant, id, document);
    },
    passage: async (tenant, id, document, chunk) => {
      await get(tenant, id);
      return await documents.passage(tenant, id, document, chunk);
    },
    documents: async (tenant, id, { limit, after }) => {
      await get(tenant, id);
      const range = { limit: limit + 1, ...(after === undefined ? {} : { after }) };
      const rows = await documents.documents(tenant, id, range);
      return pageOf(rows, limit, { id: (row) => row.id, item: (row) => row });
    },
    removeDocument: async (tenant, id, document) => {
      await get(tenant, id);
      await documents.removeDocument(tenant, id, document);
    },
    search: async (tenant, id, request) => {
      await get(tenant, id);
      return await retriever.search({ tenant, collection: id, ...request });
    },
  };
}
