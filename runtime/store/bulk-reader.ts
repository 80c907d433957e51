// Reads `bulk` in a thread that has no connection to its storage thread: compute threads. A read
// sees what was committed before its slice of work; none holds a snapshot that would keep pages from
// being reused.

import { environmentFile, READERS_MAX, readRange } from "./lmdb.ts";
import { open } from "./lmdb-library.ts";
import { openedReader } from "./sealed-rows.ts";
import type { Sealer } from "./sealer.ts";
import type { Range, Reader } from "./store.ts";

/**
 * Opens it; it must have been written to. Stays open as long as the thread.
 * @param sealer absent where nothing is sealed.
 */
export function openBulkReader(folder: string, sealer?: Sealer): Reader {
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
  const stored = {
    get: (key: string) => fresh().getBinary(key),
    range: (range: Range) => readRange(fresh(), range),
  };
  return openedReader(stored, "bulk", sealer);
}
