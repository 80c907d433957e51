// Searches the indexes of one thread: the part of a search that takes time, wherever it is run.

import {
  type ChunkQuery,
  choose,
  type FoundPassages,
  type IndexedChunk,
  rank,
  ranking,
} from "../../actors/knowledge/retrieve.ts";
import type { CollectionIndex } from "./collection-index.ts";
import type { Wanted } from "./directory.ts";
import { IndexCache, type IndexSources } from "./index-cache.ts";
import type { Place } from "./rows.ts";

/** Searches of one thread. */
export interface Searcher {
  search(place: Place, query: ChunkQuery): Promise<FoundPassages>;
  forget(place: Place): void;
}

/** Memory of all indexes of a thread. */
const CACHE_BYTES = 256 * 1_024 * 1_024;

/** Times that a search is made when documents it has found are replaced before it has read them. */
const TRIES_MAX = 5;

/** A searcher with indexes of its own. @param cacheBytesMax default 256 MiB. */
export function createSearcher(sources: IndexSources, cacheBytesMax = CACHE_BYTES): Searcher {
  const cache = new IndexCache(sources, cacheBytesMax);
  return {
    async search(place, query) {
      const withDocuments = query.filter !== undefined;
      for (let tries = 1; ; tries += 1) {
        const { found, isWhole } = await cache.use(
          place,
          (index) => searchIn(index, query, place.collection),
          { withDocuments },
        );
        if (isWhole || tries === TRIES_MAX) return found;
      }
    },
    forget: (place) => cache.forget(place),
  };
}

interface Found {
  readonly found: FoundPassages;
  /** No document was replaced meanwhile: of such a one there is neither the old nor the new. */
  readonly isWhole: boolean;
}

async function searchIn(
  index: CollectionIndex,
  query: ChunkQuery,
  collection: string,
): Promise<Found> {
  let isWhole = true;
  const replaced = (): void => {
    isWhole = false;
  };
  const find = async (wanted?: Wanted) => {
    const words = query.mode === "vector" ? [] : index.byWords(query.query, ranking.depth, wanted);
    if (query.mode === "lexical") return { words, near: [] };
    const similarityMin = query.threshold.each;
    const within = wanted === undefined ? undefined : { wanted, similarityMin, replaced };
    return { words, near: await index.byVector(query.vector, ranking.depth, within) };
  };
  const { filter } = query;
  const { words, near } = await (filter === undefined ? find() : index.wanted(filter, find));
  const read = async (slot: number): Promise<IndexedChunk | undefined> => {
    const chunk = await index.chunk(slot);
    if (chunk === undefined) replaced();
    return chunk;
  };
  const found = await choose(rank(words, near, query), query, collection, read);
  return { found, isWhole };
}
