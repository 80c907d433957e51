// The knowledge store as the front door uses it: documents into chunks, vectors and rows of the bulk
// environment, one after the other in the call that brings them.

import { createHash } from "node:crypto";
import { splitVersion } from "../../actors/knowledge/split.ts";
import type { Compute, Embedder } from "../../actors/ports.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { newId } from "../../runtime/id.ts";
import type { Bulk } from "../../runtime/store/bulk.ts";
import { findDocument, listDocuments, readDocument, type StoredDocument } from "./library.ts";
import { prepare } from "./prepare.ts";
import type { Place } from "./rows.ts";
import { createKnowledgeWriter, type KnowledgeWriter } from "./writer.ts";

/** A document to take in. */
export interface DocumentInput {
  /** The client's own, 1..200 characters. Default: `dc_` and a hash of the content. */
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

/** Documents of collections, by tenant. Whether the collection exists is the caller's question. */
export interface KnowledgeStore {
  /**
   * One after the other, in order; visible to searches when the promise resolves. A document that
   * fails ends the call; those before it stay, and sending all again repeats nothing.
   * @throws INVALID, BODY_TOO_LARGE, STORE_FULL, CONFLICT.
   */
  ingest(
    tenant: string,
    collection: string,
    documents: readonly DocumentInput[],
  ): Promise<readonly Ingested[]>;
  /** @throws NOT_FOUND. */
  document(tenant: string, collection: string, id: string): Promise<StoredDocument>;
  /** In order of key, after the document `after`. `limit` 1..201. */
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
  readonly bulk: Bulk;
  readonly embedder: Embedder;
  readonly compute?: Compute;
  /** Milliseconds since the epoch. Default: the system's clock. */
  readonly nowMs?: () => number;
  /** Told after every change that became visible. */
  readonly changed?: (place: Place) => Promise<void>;
}

/** Limits of documents. */
export const knowledgeLimits = {
  textBytes: 8_000_000,
  idChars: 200,
  titleChars: 500,
  metadataBytes: 16_384,
} as const;

interface Document extends Required<DocumentInput> {
  readonly hash: string;
  readonly bytes: number;
}

/** The store over the bulk environment. */
export function createKnowledgeStore(options: KnowledgeOptions): KnowledgeStore {
  const { bulk, embedder, changed, nowMs = Date.now } = options;
  const writer = createKnowledgeWriter({
    bulk,
    nowMs,
    ...(changed === undefined ? {} : { changed }),
  });
  return {
    async ingest(tenant, collection, documents) {
      const parsed = documents.map((document) => parseDocument(document, embedder));
      const place = { tenant, collection };
      const done: Ingested[] = [];
      for (const document of parsed) {
        done.push(await takeIn({ ...options, nowMs }, writer, place, document));
      }
      return done;
    },
    document: (tenant, collection, id) => readDocument(bulk, { tenant, collection }, id),
    documents: (tenant, collection, page) => listDocuments(bulk, { tenant, collection }, page),
    async removeDocument(tenant, collection, id) {
      const removed = await writer.removeDocuments({ tenant, collection }, [id]);
      if (removed.length > 0) return;
      throw new RuntimeError("NOT_FOUND", `There is no document ${id} in this collection.`);
    },
    removeCollection: (tenant, collection) => writer.removeCollection({ tenant, collection }),
  };
}

function parseDocument(input: DocumentInput, embedder: Embedder): Document {
  const text = input.text.replace(/\p{Surrogate}/gu, "\ufffd");
  const title = input.title ?? "";
  const metadata = input.metadata ?? {};
  const bytes = Buffer.byteLength(text);
  const limits = knowledgeLimits;
  if (bytes > limits.textBytes) {
    throw new RuntimeError(
      "BODY_TOO_LARGE",
      `A document has ${bytes} bytes of text; the limit is ${limits.textBytes}.`,
    );
  }
  const said = JSON.stringify(metadata);
  if (title.length > limits.titleChars || Buffer.byteLength(said) > limits.metadataBytes) {
    throw new RuntimeError(
      "INVALID",
      `A title has at most ${limits.titleChars} characters, metadata ${limits.metadataBytes} bytes.`,
    );
  }
  const made = [splitVersion, embedder.id, embedder.dimension, title, said, text];
  const hash = createHash("sha256").update(JSON.stringify(made)).digest("hex");
  const id = input.id ?? `dc_${hash.slice(0, 26)}`;
  if (id === "" || id.length > limits.idChars) {
    throw new RuntimeError("INVALID", `A document id has 1 to ${limits.idChars} characters.`, {
      pointer: "/id",
    });
  }
  return { id, title, text, metadata, hash, bytes };
}

async function takeIn(
  options: KnowledgeOptions & { nowMs(): number },
  writer: KnowledgeWriter,
  place: Place,
  document: Document,
): Promise<Ingested> {
  const { bulk, embedder, compute } = options;
  const { id, title, text, metadata, hash, bytes } = document;
  const before = await findDocument(bulk, place, id);
  if (before?.content_hash === hash) return { id, chunks: before.chunks, status: "unchanged" };
  const chunks = await prepare(place.tenant, { title, text }, embedder, compute);
  const write = { documentId: id, writeId: newId("wr", options.nowMs()) };
  const { id: name, dimension } = embedder;
  const pin = { id: name, dimension };
  await writer.writeText(place, write, text);
  await writer.writeChunks(place, write, chunks, 0, pin);
  const publication = {
    ...write,
    title,
    metadata,
    bytes,
    chunks: chunks.length,
    contentHash: hash,
  };
  const { documents } = await writer.publish(place, [publication], pin);
  const status = documents[0]?.status === "created" ? "created" : "updated";
  return { id, chunks: chunks.length, status };
}
