// Searches of collections with index files, on the threads that only searches use: to map a file and to
// search it takes milliseconds, which neither main nor a worker has for one search.

import type { FoundPassages } from "../../actors/knowledge/retrieve.ts";
import type { Compute } from "../../actors/ports.ts";
import type { SealerSource } from "../../runtime/store/sealer.ts";
import type { SearchDone, SearchWork } from "../search-tasks.ts";
import type { Place } from "./rows.ts";
import type { Searcher } from "./searcher.ts";

/** Name of the compute pool's task. */
export const searchTaskName = "knowledge.search";

/** A search that has waited this long has a caller who has gone. */
const SEARCH_MS = 30_000;

/** @param damaged called when the files of a collection should be made anew. */
export function searchesElsewhere(options: {
  readonly compute: Compute;
  /** The data folder. */
  readonly data: string;
  /** How what is a tenant's is sealed; absent: it is not. */
  readonly sealer?: SealerSource | undefined;
  damaged(place: Place): void;
}): Pick<Searcher, "search"> {
  const { compute, data, sealer, damaged } = options;
  return {
    async search(place, query): Promise<FoundPassages> {
      const work: SearchWork = { data, sealer, place, query };
      const { tenant } = place;
      const done = await compute.run(searchTaskName, work, { tenant, timeoutMs: SEARCH_MS });
      const { found, isDamaged } = done as SearchDone;
      if (isDamaged) damaged(place);
      return found;
    },
  };
}
