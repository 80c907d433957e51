// What the threads of searches run: those of large collections that come in at the front door, so
// that they use all cores and never hold main's event loop. Each thread has indexes of its own.

import type { ChunkQuery, FoundPassages } from "../actors/knowledge/retrieve.ts";
import { toErrorData } from "../runtime/errors.ts";
import { openBulkReader } from "../runtime/store/bulk-reader.ts";
import { loadSealer } from "../runtime/store/sealed-rows.ts";
import type { SealerSource } from "../runtime/store/sealer.ts";
import type { BatchResults } from "../runtime/threads/batch-lane.ts";
import { indexFolder } from "./knowledge/index-folder.ts";
import type { Place } from "./knowledge/rows.ts";
import { createSearcher, type Searcher } from "./knowledge/searcher.ts";
import { createSegmentFiles } from "./segment-files.ts";

/** A search. */
export interface SearchWork {
  /** The data folder. */
  readonly data: string;
  /** How what is a tenant's is sealed; absent: it is not. */
  readonly sealer?: SealerSource | undefined;
  readonly place: Place;
  readonly query: ChunkQuery;
}

/** What it found, and whether the collection's files should be made anew. */
export interface SearchDone {
  readonly found: FoundPassages;
  readonly isDamaged: boolean;
}

interface Opened {
  readonly searcher: Searcher;
  /** Names of collections whose files were found damaged since they were last told. */
  readonly damaged: Set<string>;
}

const opened = new Map<string, Promise<Opened>>();
const nameOf = ({ tenant, collection }: Place): string => `${tenant}/${collection}`;

/** Searches one after the other; the lane gives one at a time. */
export async function searchCollections(inputs: unknown): Promise<BatchResults> {
  const results: BatchResults[number][] = [];
  for (const { data, sealer, place, query } of inputs as readonly SearchWork[]) {
    const { searcher, damaged } = await openedOnce(data, sealer);
    try {
      const found = await searcher.search(place, query);
      const value: SearchDone = { found, isDamaged: damaged.delete(nameOf(place)) };
      results.push({ ok: true, value });
    } catch (error) {
      results.push({ ok: false, error: toErrorData(error) });
    }
  }
  return results;
}

function openedOnce(data: string, source: SealerSource | undefined): Promise<Opened> {
  const before = opened.get(data);
  if (before !== undefined) return before;
  const now = open(data, source);
  opened.set(data, now);
  return now;
}

async function open(data: string, source: SealerSource | undefined): Promise<Opened> {
  const damaged = new Set<string>();
  const sealer = source && (await loadSealer(source));
  const searcher = createSearcher({
    reader: openBulkReader(data, sealer),
    segments: {
      files: createSegmentFiles(sealer),
      folderOf: (place) => indexFolder(data, place),
      damaged: (place) => damaged.add(nameOf(place)),
    },
  });
  return { searcher, damaged };
}
