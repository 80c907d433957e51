// Reads `bulk` in a thread that has no connection to its storage thread: compute threads. A read
// sees what was committed before its slice of work; none holds a snapshot that would keep pages from
// being reused.

import { environmentFile, READERS_MAX, readRange } from "./lmdb.ts";
import { open } from "./lmdb-library.ts";
import type { Reader } from "./store.ts";

/** Opens it; it must have been written to. Stays open as long as the thread. */
export function openBulkReader(folder: string): Reader {
  const database = open<Uint8Array, string>({
    path: environmentFile(folder, "bulk"),
    encoding: "binary",
    readOnly: true,
    maxReaders: READERS_MAX,
  });
  let isFresh = false;
  // What is read in one go is of one snapshot: to renew it for each row takes longer than the row.
  const fresh = (): typeof database => {
    if (!isFresh) {
      isFresh = true;
      database.resetReadTxn();
      queueMicrotask(() => {
        isFresh = false;
      });
    }
    return database;
  };
  return {
    get: (key) => fresh().getBinary(key),
    range: (range) => readRange(fresh(), range),
  };
}
