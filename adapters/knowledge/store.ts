// The knowledge store as the front door uses it: documents into chunks, vectors and rows of the bulk
// environment. It runs on main and writes through the system's door; workers only read (retriever.ts).
// Chunks are written first and the document's row last, so that a search sees all of a document or
// what was there before.

import { createHash } from "node:crypto";
import { splitVersion } from "../../actors/knowledge/split.ts";
import type { Compute, Embedder } from "../../actors/ports.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { keys, prefixRange } from "../../runtime/store/keys.ts";
import type { StoreOp } from "../../runtime/store/store.ts";
import type { System } from "../../runtime/system.ts";
import { prepare } from "./prepare.ts";
import {
  chunkBytes,
  type DocumentRow,
  documentOf,
  generationOf,
  rowBytes,
  textOf,
} from "./rows.ts";

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
  /** In order of key, after the document `after`. `limit` 1..200. */
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

/** Limits of documents and of one commit. */
export const knowledgeLimits = {
  textBytes: 8_000_000,
  idChars: 200,
  titleChars: 500,
  metadataBytes: 16_384,
  /** Rows and bytes of one commit of chunks. */
  commitRows: 200,
  commitBytes: 1_000_000,
  listMax: 200,
} as const;

interface Place {
  readonly tenant: string;
  readonly collection: string;
}

interface Document extends Required<DocumentInput> {
  readonly hash: string;
  readonly bytes: number;
}

/** The store over the bulk environment. */
export function createKnowledgeStore(options: KnowledgeOptions): KnowledgeStore {
  const { bulk } = options;
  // One change of a collection at a time: each takes the next generation.
  const lines = new Map<string, Promise<unknown>>();
  const inLine = async <T>({ tenant, collection }: Place, work: () => Promise<T>): Promise<T> => {
    const name = `${tenant}/${collection}`;
    const before = lines.get(name) ?? Promise.resolve();
    const mine = before.then(work, work);
    lines.set(name, mine);
    try {
      return await mine;
    } finally {
      if (lines.get(name) === mine) lines.delete(name);
    }
  };
  return {
    async ingest(tenant, collection, documents) {
      const parsed = documents.map((document) => parseDocument(document, options.embedder));
      const place = { tenant, collection };
      const done: Ingested[] = [];
      for (const document of parsed) {
        done.push(await inLine(place, () => takeIn(options, place, document)));
      }
      return done;
    },
    async document(tenant, collection, id) {
      const row = await rowOf(bulk, { tenant, collection }, id);
      const stored = await bulk.get(keys.documentText(tenant, collection, id, row.version));
      return { ...shownOf(row), text: stored === undefined ? "" : textOf(stored) };
    },
    async documents(tenant, collection, { after, limit }) {
      const { from, to } = prefixRange(keys.documentsOf(tenant, collection), limit);
      const start = after === undefined ? from : `${keys.document(tenant, collection, after)}!`;
      const rows = await bulk.range({
        from: start,
        to,
        limit: Math.min(limit, knowledgeLimits.listMax),
      });
      return rows.map(({ value }) => shownOf(documentOf(value)));
    },
    removeDocument: (tenant, collection, id) =>
      inLine({ tenant, collection }, () => remove(bulk, { tenant, collection }, id)),
    removeCollection: (tenant, collection) =>
      inLine({ tenant, collection }, () => removeAll(bulk, { tenant, collection })),
  };
}

function shownOf({ version: _, ...row }: DocumentRow): Omit<StoredDocument, "text"> {
  return row;
}

async function rowOf(bulk: System["bulk"], place: Place, id: string): Promise<DocumentRow> {
  const stored = await bulk.get(keys.document(place.tenant, place.collection, id));
  if (stored !== undefined) return documentOf(stored);
  throw new RuntimeError("NOT_FOUND", `There is no document ${id} in this collection.`);
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
  options: KnowledgeOptions,
  place: Place,
  document: Document,
): Promise<Ingested> {
  const { bulk, embedder, compute } = options;
  const { tenant, collection } = place;
  const { id, title, text, metadata, hash, bytes } = document;
  const key = keys.document(tenant, collection, id);
  const stored = await bulk.get(key);
  const before = stored === undefined ? undefined : documentOf(stored);
  if (before?.content_hash === hash) return { id, chunks: before.chunks, status: "unchanged" };
  const chunks = await prepare(tenant, { title, text }, embedder, compute);
  const change = await nextChange(bulk, place, id);
  await commitInPieces(
    bulk,
    chunks.map((chunk, at) => ({
      op: "put",
      key: keys.chunk(tenant, collection, id, change.version, at),
      value: chunkBytes(chunk),
    })),
  );
  const now = new Date(options.nowMs?.() ?? Date.now()).toISOString();
  const row: DocumentRow = {
    ...{ id, title, metadata, bytes, chunks: chunks.length, content_hash: hash },
    version: change.version,
    created_at: before?.created_at ?? now,
    updated_at: now,
  };
  await bulk.commit([
    ...change.ops,
    {
      op: "put",
      key: keys.documentText(tenant, collection, id, change.version),
      value: rowBytes(text),
    },
    { op: "put", key, value: rowBytes(row) },
  ]);
  if (before !== undefined) await removeOld(bulk, place, id, change.version);
  return { id, chunks: chunks.length, status: before === undefined ? "created" : "updated" };
}

/** The next generation of a collection, and the ops that take it; another writer's is a CONFLICT. */
async function nextChange(
  bulk: System["bulk"],
  { tenant, collection }: Place,
  id: string,
): Promise<{ version: number; ops: StoreOp[] }> {
  const key = keys.generation(tenant, collection);
  const expected = await bulk.get(key);
  const version = generationOf(expected) + 1;
  const value = rowBytes(version);
  return {
    version,
    ops: [
      expected === undefined ? { op: "insert", key, value } : { op: "swap", key, expected, value },
      { op: "put", key: keys.change(tenant, collection, version), value: rowBytes(id) },
    ],
  };
}

async function commitInPieces(bulk: System["bulk"], ops: readonly StoreOp[]): Promise<void> {
  let piece: StoreOp[] = [];
  let bytes = 0;
  for (const op of ops) {
    piece.push(op);
    bytes += op.key.length + ("value" in op ? (op.value?.length ?? 0) : 0);
    const { commitRows, commitBytes } = knowledgeLimits;
    if (piece.length < commitRows && bytes < commitBytes) continue;
    await bulk.commit(piece);
    piece = [];
    bytes = 0;
  }
  if (piece.length > 0) await bulk.commit(piece);
}

/** Rows of a document's other versions: the one before, and what a crash left half written. */
async function removeOld(
  bulk: System["bulk"],
  { tenant, collection }: Place,
  id: string,
  version: number,
): Promise<void> {
  const text = keys.documentText(tenant, collection, id, version);
  const chunks = keys.chunk(tenant, collection, id, version, 0).replace(/[^/]*$/, "");
  const isOld = (key: string): boolean => key !== text && !key.startsWith(chunks);
  await removeRange(bulk, keys.documentTextOf(tenant, collection, id), isOld);
  await removeRange(bulk, keys.chunksOf(tenant, collection, id), isOld);
}

async function removeRange(
  bulk: System["bulk"],
  prefix: string,
  isMeant: (key: string) => boolean = () => true,
): Promise<void> {
  let { from, to } = prefixRange(prefix, 0);
  for (;;) {
    const rows = await bulk.range({ from, to, limit: knowledgeLimits.listMax });
    const last = rows.at(-1);
    if (last === undefined) return;
    const ops = rows
      .filter(({ key }) => isMeant(key))
      .map(({ key }): StoreOp => ({ op: "remove", key }));
    if (ops.length > 0) await bulk.commit(ops);
    from = `${last.key}!`;
  }
}

async function remove(bulk: System["bulk"], place: Place, id: string): Promise<void> {
  const { tenant, collection } = place;
  await rowOf(bulk, place, id);
  const change = await nextChange(bulk, place, id);
  await bulk.commit([...change.ops, { op: "remove", key: keys.document(tenant, collection, id) }]);
  await removeRange(bulk, keys.documentTextOf(tenant, collection, id));
  await removeRange(bulk, keys.chunksOf(tenant, collection, id));
}

async function removeAll(bulk: System["bulk"], { tenant, collection }: Place): Promise<void> {
  await removeRange(bulk, keys.documentsOf(tenant, collection));
  await removeRange(bulk, keys.documentTextsOf(tenant, collection));
  await removeRange(bulk, keys.chunksIn(tenant, collection));
  await removeRange(bulk, keys.changesOf(tenant, collection));
  await bulk.commit([{ op: "remove", key: keys.generation(tenant, collection) }]);
}
