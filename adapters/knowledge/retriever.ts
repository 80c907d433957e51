// The Retriever port of a thread: finds the collection's index in this thread, brings it up to the
// collection's head, searches it. It never writes. Most searches find nothing new: two rows are read.

import { compileFilter } from "../../actors/knowledge/filter.ts";
import type { Embedder, Embedders, Passage, Retriever } from "../../actors/ports.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { keys } from "../../runtime/store/keys.ts";
import type { Reader } from "../../runtime/store/store.ts";
import type { IndexSources } from "./index-cache.ts";
import { type CollectionHead, collectionsTable, headOf, type Place } from "./rows.ts";
import { createSearcher, type Searcher } from "./searcher.ts";

/** What a retriever reads. */
export interface RetrieverOptions extends IndexSources {
  /** The hot environment: a collection exists when its row is in the tenant's table. */
  readonly tables: Reader;
  /** Of collections whose embedder this is. */
  readonly embedder: Embedder;
  /** Of all others; without it they are refused. */
  readonly embedders?: Pick<Embedders, "pinned">;
  /** Where collections with index files are searched. Default: here. */
  readonly elsewhere?: Pick<Searcher, "search">;
  /** Memory of all indexes of this thread; the longest unused goes first. Default 256 MiB. */
  readonly cacheBytesMax?: number;
}

/** Limits of a retriever. */
export const retrieverLimits = { queryChars: 4_000 } as const;

/** Lexical vectors see the same words as BM25, less well: they only part equals and mend typos. */
const LEXICAL_VECTOR_WEIGHT = 0.1;

/** A retriever over one thread's snapshots. */
export function createRetriever(options: RetrieverOptions): Retriever {
  const { reader, tables, elsewhere } = options;
  const here = createSearcher(options, options.cacheBytesMax);

  const check = async ({ tenant, collection }: Place): Promise<void> => {
    const row = await tables.get(keys.table(tenant, collectionsTable, collection));
    if (row !== undefined) return;
    here.forget({ tenant, collection });
    throw new RuntimeError("NOT_FOUND", `There is no collection ${collection}.`);
  };
  const embed = async (head: CollectionHead, tenant: string, query: string) => {
    const using = await embedderOf(options, head);
    const [vector] = await using.embed([query], { tenant, purpose: "query" });
    return vector;
  };

  return {
    async search(request): Promise<readonly Passage[]> {
      const { tenant, collection, topK, mode = "hybrid", filter } = request;
      if (filter !== undefined) compileFilter(filter);
      const place = { tenant, collection };
      const text = request.query.slice(0, retrieverLimits.queryChars);
      await check(place);
      const head = headOf(await reader.get(keys.collectionHead(tenant, collection)));
      if (head.isRemoved || head.embedder === null) return [];
      const embedded = mode === "lexical" ? undefined : await embed(head, tenant, text);
      const vector = embedded ?? new Float32Array(head.embedder.dimension);
      const isLexical = head.embedder.id.startsWith("builtin-");
      const vectorWeight = isLexical ? LEXICAL_VECTOR_WEIGHT : 1;
      const narrowed = filter === undefined ? {} : { filter };
      const query = { query: text, vector, topK, mode, vectorWeight, ...narrowed };
      const isLarge = (await reader.get(keys.segment(tenant, collection))) !== undefined;
      if (!isLarge || elsewhere === undefined) return await here.search(place, query);
      // It was small once.
      here.forget(place);
      return await elsewhere.search(place, query);
    },
  };
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
