// The Retriever port of a thread: finds the collection's index in this thread, brings it up to the
// collection's head, searches it. It never writes. Most searches find nothing new: two rows are read.

import { isIrrelevant, passageOf, rank, ranking } from "../../actors/knowledge/retrieve.ts";
import type { SegmentFiles } from "../../actors/knowledge/segment.ts";
import type { Embedder, Embedders, Passage, Retriever } from "../../actors/ports.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { keys } from "../../runtime/store/keys.ts";
import type { Reader } from "../../runtime/store/store.ts";
import type { CollectionIndex } from "./collection-index.ts";
import { IndexCache } from "./index-cache.ts";
import { type CollectionHead, collectionsTable, headOf, type Place } from "./rows.ts";

/** What a retriever reads. */
export interface RetrieverOptions {
  /** The bulk environment. */
  readonly reader: Reader;
  /** The hot environment: a collection exists when its row is in the tenant's table. */
  readonly tables: Reader;
  /** Of collections whose embedder this is. */
  readonly embedder: Embedder;
  /** Of all others; without it they are refused. */
  readonly embedders?: Pick<Embedders, "pinned">;
  /** Index files; without them every collection is read into memory. */
  readonly segments?: {
    readonly files: SegmentFiles;
    /** Folder of a collection's files. */
    folderOf(place: Place): string;
    /** The files are missing or damaged: they should be made anew. Called once a row. */
    damaged(place: Place, error: RuntimeError): void;
  };
  /** Memory of all indexes of this thread; the longest unused goes first. Default 256 MiB. */
  readonly cacheBytesMax?: number;
}

/** Limits of a retriever. */
export const retrieverLimits = {
  cacheBytes: 256 * 1_024 * 1_024,
  queryChars: 4_000,
} as const;

/** Lexical vectors see the same words as BM25, less well: they only part equals and mend typos. */
const LEXICAL_VECTOR_WEIGHT = 0.1;

/** A retriever over one thread's snapshots. */
export function createRetriever(options: RetrieverOptions): Retriever {
  const { reader, tables, cacheBytesMax = retrieverLimits.cacheBytes } = options;
  const cache = new IndexCache(options, cacheBytesMax);

  const check = async ({ tenant, collection }: Place): Promise<void> => {
    const row = await tables.get(keys.table(tenant, collectionsTable, collection));
    if (row !== undefined) return;
    cache.forget({ tenant, collection });
    throw new RuntimeError("NOT_FOUND", `There is no collection ${collection}.`);
  };
  const embed = async (head: CollectionHead, tenant: string, query: string) => {
    const using = await embedderOf(options, head);
    const [vector] = await using.embed([query], { tenant, purpose: "query" });
    return vector;
  };

  return {
    async search(request): Promise<readonly Passage[]> {
      const { tenant, collection, topK, mode = "hybrid" } = request;
      const place = { tenant, collection };
      const text = request.query.slice(0, retrieverLimits.queryChars);
      await check(place);
      const head = headOf(await reader.get(keys.collectionHead(tenant, collection)));
      if (head.isRemoved || head.embedder === null) return [];
      const embedded = mode === "lexical" ? undefined : await embed(head, tenant, text);
      const vector = embedded ?? new Float32Array(head.embedder.dimension);
      const isLexical = head.embedder.id.startsWith("builtin-");
      const vectorWeight = isLexical ? LEXICAL_VECTOR_WEIGHT : 1;
      const query = { query: text, vector, topK, mode, vectorWeight };
      return await cache.use(place, (index) => searchIn(index, query, collection));
    },
  };

  async function searchIn(
    index: CollectionIndex,
    query: Parameters<typeof passageOf>[2],
    collection: string,
  ): Promise<readonly Passage[]> {
    const words = query.mode === "vector" ? [] : index.byWords(query.query, ranking.depth);
    const near = query.mode === "lexical" ? [] : index.byVector(query.vector, ranking.depth);
    const passages: Passage[] = [];
    for (const candidate of rank(words, near, query)) {
      if (passages.length >= Math.min(query.topK, ranking.topKMax)) break;
      if (isIrrelevant(candidate, query)) continue;
      const chunk = await index.chunk(candidate.slot);
      if (chunk === undefined) continue;
      const passage = passageOf(candidate, chunk, query, collection);
      if (passage !== undefined) passages.push(passage);
    }
    return passages;
  }
}

async function embedderOf(
  { embedder, embedders }: RetrieverOptions,
  { embedder: pin }: CollectionHead,
): Promise<Embedder> {
  if (pin === null) return embedder;
  if (pin.id === embedder.id && pin.dimension === embedder.dimension) return embedder;
  if (embedders !== undefined) return await embedders.pinned(pin);
  throw new RuntimeError(
    "EMBEDDER_MISMATCH",
    `The collection holds vectors of ${pin.id} (${pin.dimension} numbers).`,
  );
}
