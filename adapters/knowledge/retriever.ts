// The Retriever port of a worker: reads a collection's chunks from the bulk environment into an index
// in memory, once, and keeps it as new as the collection's generation row. It never writes.

import { setImmediate as nextTurn } from "node:timers/promises";
import {
  type ChunkIndex,
  createChunkIndex,
  type IndexedChunk,
} from "../../actors/knowledge/retrieve.ts";
import type { Embedder, Passage, Retriever } from "../../actors/ports.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { keys, prefixRange } from "../../runtime/store/keys.ts";
import type { Reader } from "../../runtime/store/store.ts";
import { changesKept } from "./publish.ts";
import {
  changesOf,
  chunkOf,
  collectionsTable,
  type DocumentRow,
  documentOf,
  headOf,
  type Place,
} from "./rows.ts";

/** What a retriever reads. */
export interface RetrieverOptions {
  /** The bulk environment. */
  readonly reader: Reader;
  /** The hot environment: a collection exists when its row is in the tenant's table. */
  readonly tables: Reader;
  readonly embedder: Embedder;
  /** Memory of all indexes of this thread; the longest unused goes first. Default 256 MiB. */
  readonly cacheBytesMax?: number;
}

/** Limits of a retriever. */
export const retrieverLimits = {
  cacheBytes: 256 * 1_024 * 1_024,
  /** Rows read in one slice, before the event loop gets its turn. */
  sliceRows: 200,
  queryChars: 4_000,
} as const;

/** Changes that may come while the kept ones are read. */
const CHANGES_SPARE = 1_024;

/** Lexical vectors see the same words as BM25, less well: they only part equals and mend typos. */
const LEXICAL_VECTOR_WEIGHT = 0.1;

interface Cached {
  readonly index: ChunkIndex;
  generation: number;
  /** The reading under way; searches wait for it. */
  refreshing: Promise<void> | undefined;
}

/** A retriever over one thread's snapshots. */
export function createRetriever(options: RetrieverOptions): Retriever {
  const { reader, tables, embedder } = options;
  const cacheBytesMax = options.cacheBytesMax ?? retrieverLimits.cacheBytes;
  // In order of use, the longest unused first.
  const cache = new Map<string, Cached>();

  const freshIndex = async (tenant: string, collection: string): Promise<ChunkIndex> => {
    const name = `${tenant}/${collection}`;
    const row = await tables.get(keys.table(tenant, collectionsTable, collection));
    if (row === undefined) {
      cache.delete(name);
      throw new RuntimeError("NOT_FOUND", `There is no collection ${collection}.`);
    }
    const cached = cache.get(name) ?? newIndex();
    cache.delete(name);
    cache.set(name, cached);
    // A refresh that was under way may have read an older generation than this search must see.
    await cached.refreshing;
    const { generation } = headOf(await reader.get(keys.collectionHead(tenant, collection)));
    if (generation !== cached.generation) {
      cached.refreshing ??= refresh(reader, cached, { tenant, collection }, generation).finally(
        () => {
          cached.refreshing = undefined;
        },
      );
      await cached.refreshing;
    }
    shrink(cache, cacheBytesMax, name);
    return cached.index;
  };

  return {
    async search(request): Promise<readonly Passage[]> {
      const { tenant, collection, topK, mode = "hybrid" } = request;
      const query = request.query.slice(0, retrieverLimits.queryChars);
      const index = await freshIndex(tenant, collection);
      const [vector = new Float32Array(embedder.dimension)] =
        mode === "lexical" ? [] : await embedder.embed([query], { tenant, purpose: "query" });
      const vectorWeight = embedder.id.startsWith("builtin-") ? LEXICAL_VECTOR_WEIGHT : 1;
      return index.search({ query, vector, topK, mode, vectorWeight }, collection);
    },
  };
}

function newIndex(): Cached {
  return { index: createChunkIndex(), generation: 0, refreshing: undefined };
}

/** Forgets the longest unused until the rest fits; the one in use stays whatever its size. */
function shrink(cache: Map<string, Cached>, bytesMax: number, inUse: string): void {
  let bytes = 0;
  for (const { index } of cache.values()) bytes += index.size().bytes;
  for (const [name, { index }] of cache) {
    if (bytes <= bytesMax) return;
    if (name === inUse) continue;
    bytes -= index.size().bytes;
    cache.delete(name);
  }
}

/** Brings an index up to `generation`, reading only the documents that changed since its own. */
async function refresh(
  reader: Reader,
  cached: Cached,
  place: Place,
  generation: number,
): Promise<void> {
  const { tenant, collection } = place;
  const changed = await changedSince(reader, cached, place, generation);
  for (const id of changed) {
    const row = await reader.get(keys.document(tenant, collection, id));
    if (row === undefined) cached.index.remove(id);
    else await load(reader, cached.index, place, documentOf(row));
  }
  cached.generation = generation;
}

/** Documents that changed after the index's generation; all of them for an index that is new. */
async function changedSince(
  reader: Reader,
  { index, generation: since }: Cached,
  { tenant, collection }: Place,
  generation: number,
): Promise<Set<string>> {
  const changed = new Set<string>();
  const isNew = since === 0 || generation - since > changesKept - CHANGES_SPARE;
  const range = isNew
    ? prefixRange(keys.documentsOf(tenant, collection), 0)
    : {
        from: keys.change(tenant, collection, since + 1),
        to: keys.change(tenant, collection, generation + 1),
      };
  let { from } = range;
  for (;;) {
    const rows = await reader.range({ from, to: range.to, limit: retrieverLimits.sliceRows });
    const last = rows.at(-1);
    if (last === undefined) break;
    for (const { value } of rows) {
      if (isNew) changed.add(documentOf(value).id);
      else for (const { id } of changesOf(value)) changed.add(id);
    }
    from = `${last.key}!`;
    await nextTurn();
  }
  // What is not there any more has no row to say so.
  if (isNew) for (const id of index.documents()) changed.add(id);
  return changed;
}

/**
 * Reads a document's chunks. A document replaced meanwhile may have lost some: its change comes
 * with a later generation, so what is missing now is read then.
 */
async function load(
  reader: Reader,
  index: ChunkIndex,
  { tenant, collection }: Place,
  document: DocumentRow,
): Promise<void> {
  const chunks: IndexedChunk[] = [];
  const { id, writeId } = document;
  let { from, to } = prefixRange(keys.chunksOf(tenant, collection, id, writeId), 0);
  while (chunks.length < document.chunks) {
    const limit = Math.min(retrieverLimits.sliceRows, document.chunks - chunks.length);
    const rows = await reader.range({ from, to, limit });
    const last = rows.at(-1);
    if (last === undefined) break;
    for (const { value } of rows) chunks.push(chunkOf(value, document, chunks.length));
    from = `${last.key}!`;
    await nextTurn();
  }
  index.put(id, chunks);
}
