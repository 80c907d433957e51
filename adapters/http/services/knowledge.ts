// Collections and their documents: the row of a collection is a row of the tenant; splitting,
// storing and searching are done by what the composition root hands in.

import type { SearchRequest, SearchResult } from "../../../actors/knowledge/search.ts";
import { checkWeights } from "../../../actors/knowledge/tuning.ts";
import type { Embedders, Rerankers, Retriever } from "../../../actors/ports.ts";
import {
  type Collection,
  type CollectionInput,
  type CollectionPatch,
  collectionsTable,
  type DocumentView,
  type DocumentWithText,
  type PassageInDocument,
  type StoredCollection,
} from "../../../actors/records/collection.ts";
import type { IngestionJob, Source } from "../../../actors/records/ingestion-job.ts";
import {
  patchedRetrieval,
  type RetrievalInput,
  type RetrievalSettings,
} from "../../../actors/records/retrieval.ts";
import { removalAddress } from "../../../actors/removal.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import { newId } from "../../../runtime/id.ts";
import type { System } from "../../../runtime/system.ts";
import type { KnowledgeStore } from "../../knowledge/store.ts";
import { createSerial } from "../../serial.ts";
import type { AddOptions, IngestionService } from "./ingestion.ts";
import { namedRows } from "./listing.ts";
import { mergePatch } from "./merge-patch.ts";
import { type Page, type PageRequest, pageOf } from "./paging.ts";

/** Stored documents of collections that exist. */
export type Documents = Pick<
  KnowledgeStore,
  "document" | "passage" | "documents" | "removeDocument" | "removeCollection" | "edition"
>;

/** Collections of all tenants. Every call on one that does not exist throws NOT_FOUND. */
export interface KnowledgeService {
  /** @param id of the collection; default: a new one. */
  create(tenant: string, input: CollectionInput, id?: string): Promise<Collection>;
  /** @param only ids, in order, of the only ones there are for who asks. Default: all. */
  list(tenant: string, page: PageRequest, only?: readonly string[]): Promise<Page<Collection>>;
  get(tenant: string, id: string): Promise<Collection>;
  /**
   * The next version of a collection's record. @throws EMBEDDER_MISMATCH for another embedder,
   * REVISION_MISMATCH when it is not at version `ifMatch`.
   */
  change(
    tenant: string,
    id: string,
    patch: CollectionPatch,
    ifMatch: number | null,
  ): Promise<Collection>;
  remove(tenant: string, id: string): Promise<void>;
  /** Starts an ingestion job. */
  add(
    tenant: string,
    id: string,
    sources: readonly Source[],
    options: AddOptions,
  ): Promise<IngestionJob>;
  /** Starts a job that embeds the collection anew. @throws CONFLICT while another one does. */
  reembed(tenant: string, id: string, embedder: string, options: AddOptions): Promise<IngestionJob>;
  document(tenant: string, id: string, document: string): Promise<DocumentWithText>;
  passage(tenant: string, id: string, document: string, chunk: string): Promise<PassageInDocument>;
  documents(tenant: string, id: string, page: PageRequest): Promise<Page<DocumentView>>;
  removeDocument(tenant: string, id: string, document: string): Promise<void>;
  search(
    tenant: string,
    id: string,
    request: Omit<SearchRequest, "tenant" | "collection">,
  ): Promise<SearchResult>;
}

const COLLECTION_ID = /^cl_[A-Za-z0-9]{1,61}$/;

/** The service over a system's tables. */
export function createKnowledgeService(options: {
  readonly system: System;
  readonly documents: Documents;
  readonly ingestion: IngestionService;
  readonly retriever: Retriever;
  readonly embedders: Embedders;
  readonly rerankers: Pick<Rerankers, "names">;
  nowMs(): number;
}): KnowledgeService {
  const { documents, ingestion, retriever, embedders, rerankers, nowMs } = options;
  const { system } = options;
  const { tables } = system;
  const serial = createSerial();
  /** The record says who embedded it first; its editions say who does now. */
  const shown = async (tenant: string, stored: unknown): Promise<Collection> => {
    const collection = collectionOf(stored);
    const { embedder } = await documents.edition(tenant, collection.id);
    return embedder === null ? collection : { ...collection, embedder };
  };
  const load = async (tenant: string, id: string) => {
    const row = COLLECTION_ID.test(id) ? await tables.get(tenant, collectionsTable, id) : undefined;
    if (row !== undefined) {
      return { revision: row.revision, collection: await shown(tenant, row.value) };
    }
    throw new RuntimeError("NOT_FOUND", `Collection ${id.slice(0, 64)} does not exist.`);
  };
  const get = async (tenant: string, id: string) => (await load(tenant, id)).collection;
  return {
    get,
    change: (tenant, id, patch, ifMatch) =>
      serial.run(`${tenant}/${id}`, async () => {
        const { collection, revision } = await load(tenant, id);
        checkVersion(collection, ifMatch);
        checkEmbedder(collection, patch.embedder);
        const updated_at = new Date(nowMs()).toISOString();
        const value = { ...patched(collection, patch, rerankers.names), updated_at };
        const row = { table: collectionsTable, id, value, revision };
        await tables.write(tenant, [{ type: "put-if", ...row }]);
        return value;
      }),
    create: async (tenant, input, id = newId("cl", nowMs())) => {
      const { name, embedder = embedders.defaultName, metadata = {} } = input;
      const retrieval = settingsOf({}, input.retrieval, rerankers.names);
      const { id: embedderId, dimension } = await embedders.find(embedder);
      const created_at = new Date(nowMs()).toISOString();
      const pin = { id: embedderId, dimension };
      const value: Collection = {
        ...{ id, name, embedder: pin, metadata, retrieval, version: 1 },
        ...{ created_at, updated_at: created_at },
      };
      await tables.write(tenant, [{ type: "put", table: collectionsTable, id, value }]);
      return value;
    },
    list: async (tenant, { limit, after }, only) => {
      const range = { limit: limit + 1, ...(after === undefined ? {} : { after }) };
      const behind = only?.filter((id) => after === undefined || id > after);
      const rows =
        behind === undefined
          ? await tables.list(tenant, collectionsTable, range)
          : await namedRows(tables, { tenant, table: collectionsTable }, behind);
      const { items, next } = pageOf(rows, limit, {
        id: (row) => row.id,
        item: (row) => row.value,
      });
      return { items: await Promise.all(items.map((item) => shown(tenant, item))), next };
    },
    remove: async (tenant, id) => {
      await get(tenant, id);
      // Whatever dies from here on, what is left after the row is removed by a run.
      await system.ask(removalAddress(tenant), { type: "collection", id });
      // From here on nobody finds the collection, whatever else is left of it.
      await tables.write(tenant, [{ type: "remove", table: collectionsTable, id }]);
      await documents.removeCollection(tenant, id);
    },
    add: async (tenant, id, sources, how) => {
      await get(tenant, id);
      return await ingestion.add(tenant, id, sources, how);
    },
    reembed: async (tenant, id, name, how) => {
      await get(tenant, id);
      const { id: embedderId, dimension } = await embedders.find(name);
      const { documents: count } = await documents.edition(tenant, id);
      const of = { embedder: { id: embedderId, dimension }, documents: count };
      return await ingestion.reembed(tenant, id, of, how);
    },
    ...documentCalls(documents, get),
    search: async (tenant, id, request) => {
      await get(tenant, id);
      return await retriever.search({ tenant, collection: id, ...request });
    },
  };
}

/** Calls on documents of a collection that exists. */
function documentCalls(
  documents: Documents,
  get: KnowledgeService["get"],
): Pick<KnowledgeService, "document" | "passage" | "documents" | "removeDocument"> {
  return {
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
  };
}

function collectionOf(value: unknown): Collection {
  const row = value as StoredCollection;
  return { retrieval: {}, version: 1, updated_at: row.created_at, ...row };
}

function checkVersion({ version }: Collection, ifMatch: number | null): void {
  if (ifMatch === null || ifMatch === version) return;
  const text = `The collection is at version ${version}, not ${ifMatch}.`;
  throw new RuntimeError("REVISION_MISMATCH", text, { version });
}

function checkEmbedder({ id, embedder }: Collection, asked: unknown): void {
  if (asked === undefined || asked === embedder.id) return;
  const text =
    `The embedder of a collection cannot be changed here: the vectors of ${id} are of ` +
    `${embedder.id} (${embedder.dimension} numbers), and those of another cannot be compared with ` +
    "them. Have it embedded anew: POST its /reembed.";
  throw new RuntimeError("EMBEDDER_MISMATCH", text, {
    pointer: "/embedder",
    embedder: embedder.id,
  });
}

function patched(
  before: Collection,
  { name = before.name, metadata, retrieval }: CollectionPatch,
  rerankers: readonly string[],
): Collection {
  return {
    ...before,
    name,
    metadata: metadata === undefined ? before.metadata : mergePatch(before.metadata, metadata),
    retrieval: settingsOf(before.retrieval, retrieval, rerankers),
    version: before.version + 1,
  };
}

function settingsOf(
  before: RetrievalSettings,
  patch: RetrievalInput | null | undefined,
  rerankers: readonly string[],
): RetrievalSettings {
  if (patch === undefined) return before;
  const settings = patch === null ? {} : patchedRetrieval(before, patch);
  checkWeights(settings.weights ?? {}, "/retrieval/weights");
  const { reranker } = settings;
  if (reranker === undefined || rerankers.includes(reranker)) return settings;
  const there = rerankers.length === 0 ? "none is configured" : rerankers.join(", ");
  throw new RuntimeError("INVALID", `There is no re-ranker "${reranker}" (there are: ${there}).`, {
    pointer: "/retrieval/reranker",
  });
}
