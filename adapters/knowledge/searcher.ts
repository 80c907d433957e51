// Searches the indexes of one thread: the part of a search that takes time, wherever it is run.

import {
  type ChunkQuery,
  isIrrelevant,
  passageOf,
  rank,
  ranking,
} from "../../actors/knowledge/retrieve.ts";
import type { Passage } from "../../actors/ports.ts";
import type { CollectionIndex } from "./collection-index.ts";
import { IndexCache, type IndexSources } from "./index-cache.ts";
import type { Place } from "./rows.ts";

/** Searches of one thread. */
export interface Searcher {
  search(place: Place, query: ChunkQuery): Promise<readonly Passage[]>;
  forget(place: Place): void;
}

/** Memory of all indexes of a thread. */
const CACHE_BYTES = 256 * 1_024 * 1_024;

/** A searcher with indexes of its own. @param cacheBytesMax default 256 MiB. */
export function createSearcher(sources: IndexSources, cacheBytesMax = CACHE_BYTES): Searcher {
  const cache = new IndexCache(sources, cacheBytesMax);
  return {
    search: (place, query) => cache.use(place, (index) => searchIn(index, query, place.collection)),
    forget: (place) => cache.forget(place),
  };
}

async function searchIn(
  index: CollectionIndex,
  query: ChunkQuery,
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
