// Searches the indexes of one thread: the part of a search that takes time, wherever it is run.

import {
  type ChunkQuery,
  choose,
  depthOf,
  type FoundPassages,
  rank,
  ranking,
} from "../../actors/knowledge/retrieve.ts";
import type { ChunkPlace, CollectionIndex } from "./collection-index.ts";
import type { Wanted } from "./directory.ts";
import { IndexCache, type IndexSources } from "./index-cache.ts";
import type { Place } from "./rows.ts";

/** Searches of one thread. */
export interface Searcher {
  search(place: Place, query: ChunkQuery): Promise<FoundPassages>;
  /** The nearest by their vectors alone, without their texts. Nothing is too far. */
  nearest(place: Place, query: NearQuery): Promise<readonly NearChunk[]>;
  forget(place: Place): void;
  /** Forgets every edition of a collection. */
  forgetCollection(place: Place): void;
}

/** What is asked for by a vector. */
export type NearQuery = Pick<ChunkQuery, "vector" | "topK" | "filter">;

/** A chunk near to a vector. `similarity` is the cosine. */
export interface NearChunk extends ChunkPlace {
  readonly similarity: number;
}

/** Memory of all indexes of a thread. */
const CACHE_BYTES = 256 * 1_024 * 1_024;

/** Times that a search is made when documents it has found are replaced before it has read them. */
const TRIES_MAX = 5;

/** A searcher with indexes of its own. @param cacheBytesMax default 256 MiB. */
export function createSearcher(sources: IndexSources, cacheBytesMax = CACHE_BYTES): Searcher {
  const cache = new IndexCache(sources, cacheBytesMax);
  const untilWhole = async <T>(
    place: Place,
    { filter }: Pick<ChunkQuery, "filter">,
    look: (index: CollectionIndex) => Promise<Found<T>>,
  ): Promise<T> => {
    const withDocuments = filter !== undefined;
    for (let tries = 1; ; tries += 1) {
      const { found, isWhole } = await cache.use(place, look, { withDocuments });
      if (isWhole || tries === TRIES_MAX) return found;
    }
  };
  return {
    search: (place, query) =>
      untilWhole(place, query, (index) => searchIn(index, query, place.collection)),
    nearest: (place, query) => untilWhole(place, query, (index) => nearestIn(index, query)),
    forget: (place) => cache.forget(place),
    forgetCollection: (place) => cache.forgetEditions(place, { withItself: true }),
  };
}

interface Found<T> {
  readonly found: T;
  /** No document was replaced meanwhile: of such a one there is neither the old nor the new. */
  readonly isWhole: boolean;
}

async function searchIn(
  index: CollectionIndex,
  query: ChunkQuery,
  collection: string,
): Promise<Found<FoundPassages>> {
  let isWhole = true;
  const replaced = (): void => {
    isWhole = false;
  };
  const { depth } = ranking;
  const find = async (wanted?: Wanted) => {
    const words = query.mode === "vector" ? [] : index.byWords(query.query, depth, wanted);
    const similarityMin = query.threshold.each;
    const within = wanted === undefined ? undefined : { wanted, similarityMin };
    const isNear = query.mode !== "lexical";
    // Both begin before anything is waited for: they see the same moment.
    const [again, near] = await Promise.all([
      index.byFeedback(query, words, depth, wanted),
      isNear ? index.byVector(query.vector, depthOf(query), within, replaced) : [],
    ]);
    return { words: again, near };
  };
  const { filter } = query;
  const { words, near } = await (filter === undefined ? find() : index.wanted(filter, find));
  const read = async (slots: readonly number[]) => {
    const chunks = await index.chunks(slots);
    if (chunks.includes(undefined)) replaced();
    return chunks;
  };
  const hasFloor = query.isOfMeaning === true && query.mode !== "lexical";
  const judged = hasFloor ? { ...query, floor: await index.floor() } : query;
  const found = await choose(rank(words, near, query), judged, collection, read);
  return { found, isWhole };
}

async function nearestIn(
  index: CollectionIndex,
  { vector, topK, filter }: NearQuery,
): Promise<Found<readonly NearChunk[]>> {
  let isWhole = true;
  const replaced = (): void => {
    isWhole = false;
  };
  const hits = await (filter === undefined
    ? index.byVector(vector, topK, undefined, replaced)
    : index.wanted(filter, (wanted) =>
        index.byVector(vector, topK, { wanted, similarityMin: -1 }, replaced),
      ));
  const found: NearChunk[] = [];
  for (const { slot, similarity } of hits) {
    const place = index.knownPlaceOf(slot) ?? (await index.placeOf(slot));
    if (place === undefined) replaced();
    else found.push({ documentId: place.documentId, chunkId: place.chunkId, similarity });
  }
  return { found, isWhole };
}
