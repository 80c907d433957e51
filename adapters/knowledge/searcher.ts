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
import type { Wanted } from "./directory.ts";
import { IndexCache, type IndexSources } from "./index-cache.ts";
import type { Place } from "./rows.ts";

/** Searches of one thread. */
export interface Searcher {
  search(place: Place, query: ChunkQuery): Promise<readonly Passage[]>;
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
        const { passages, isWhole } = await cache.use(
          place,
          (index) => searchIn(index, query, place.collection),
          { withDocuments },
        );
        if (isWhole || tries === TRIES_MAX) return passages;
      }
    },
    forget: (place) => cache.forget(place),
  };
}

interface Found {
  readonly passages: readonly Passage[];
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
    const within = wanted === undefined ? undefined : { wanted, replaced };
    return { words, near: await index.byVector(query.vector, ranking.depth, within) };
  };
  const { filter } = query;
  const { words, near } = await (filter === undefined ? find() : index.wanted(filter, find));
  const passages: Passage[] = [];
  for (const candidate of rank(words, near, query)) {
    if (passages.length >= Math.min(query.topK, ranking.topKMax)) break;
    if (isIrrelevant(candidate, query)) continue;
    const chunk = await index.chunk(candidate.slot);
    if (chunk === undefined) {
      replaced();
      continue;
    }
    const passage = passageOf(candidate, chunk, query, collection);
    if (passage !== undefined) passages.push(passage);
  }
  return { passages, isWhole };
}
