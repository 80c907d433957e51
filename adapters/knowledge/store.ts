// The knowledge store as the front door uses it: documents into chunks, vectors and rows of the bulk
// environment. It runs on main and writes through the system's door; workers only read (retriever.ts).

import type { Compute, Embedder } from "../../actors/ports.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import type { System } from "../../runtime/system.ts";

/** Table of a tenant's collections in `System.tables`: id `cl_...`. */
export const collectionsTable = "collections";

/** A document to take in. */
export interface DocumentInput {
  /** `dc_...` or the client's own, 1..200 characters. Default: a new id. */
  readonly id?: string;
  readonly title?: string;
  readonly text: string;
  readonly metadata?: Readonly<Record<string, unknown>>;
}

/** What became of one document. `unchanged`: the same content was there already. */
export interface Ingested {
  readonly id: string;
  readonly chunks: number;
  readonly status: "created" | "updated" | "unchanged";
}

/** A stored document. Sizes in UTF-8 bytes, times ISO. */
export interface StoredDocument {
  readonly id: string;
  readonly title: string;
  readonly text: string;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly chunks: number;
  readonly bytes: number;
  readonly content_hash: string;
  readonly created_at: string;
  readonly updated_at: string;
}

/** Documents of collections, by tenant. Whether the collection exists is the caller's question. */
export interface KnowledgeStore {
  /** Visible to searches when the promise resolves. @throws INVALID, BODY_TOO_LARGE, STORE_FULL. */
  ingest(
    tenant: string,
    collection: string,
    documents: readonly DocumentInput[],
  ): Promise<readonly Ingested[]>;
  /** @throws NOT_FOUND. */
  document(tenant: string, collection: string, id: string): Promise<StoredDocument>;
  /** In order of id, after `after` (exclusive). `limit` 1..200. */
  documents(
    tenant: string,
    collection: string,
    options: { readonly after?: string; readonly limit: number },
  ): Promise<readonly Omit<StoredDocument, "text">[]>;
  /** @throws NOT_FOUND. */
  removeDocument(tenant: string, collection: string, id: string): Promise<void>;
  /** Removes everything of a collection; nothing there is no error. */
  removeCollection(tenant: string, collection: string): Promise<void>;
}

/** What the store works with. `compute` takes large texts off this thread when given. */
export interface KnowledgeOptions {
  readonly bulk: System["bulk"];
  readonly embedder: Embedder;
  readonly compute?: Compute;
  /** Milliseconds since the epoch. Default: the system's clock. */
  readonly nowMs?: () => number;
}

/** The store over the bulk environment. */
export function createKnowledgeStore(options: KnowledgeOptions): KnowledgeStore {
  const absent = (): Promise<never> =>
    Promise.reject(new RuntimeError("INTERNAL", `no store behind ${options.embedder.id}`));
  return {
    ingest: absent,
    document: absent,
    documents: absent,
    removeDocument: absent,
    removeCollection: absent,
  };
}
