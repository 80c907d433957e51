// The Retriever port of a worker: reads a collection's chunks from the bulk environment into an index
// in memory, once, and keeps it as new as the collection's generation row.

import type { Embedder, Retriever } from "../../actors/ports.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import type { Reader } from "../../runtime/store/store.ts";

/** What a retriever reads. */
export interface RetrieverOptions {
  /** The bulk environment. */
  readonly reader: Reader;
  /** The hot environment: a collection exists when its row is in the tenant's table. */
  readonly tables: Reader;
  readonly embedder: Embedder;
  /** Memory of all indexes of this worker, default 256 MiB; the longest unused goes first. */
  readonly cacheBytesMax?: number;
}

/** A retriever over one thread's snapshots. */
export function createRetriever(options: RetrieverOptions): Retriever {
  return {
    search: () =>
      Promise.reject(new RuntimeError("INTERNAL", `no index behind ${options.embedder.id}`)),
  };
}
