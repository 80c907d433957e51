// Reads `bulk` in a thread that has no connection to its storage thread: compute threads. Each read
// sees what was committed before it; none holds a snapshot that would keep pages from being reused.

import { open } from "lmdb";
import { environmentFile, READERS_MAX, readRange } from "./lmdb.ts";
import type { Reader } from "./store.ts";

/** Opens it; it must have been written to. Stays open as long as the thread. */
export function openBulkReader(folder: string): Reader {
  const database = open<Uint8Array, string>({
    path: environmentFile(folder, "bulk"),
    encoding: "binary",
    readOnly: true,
    maxReaders: READERS_MAX,
  });
  return {
    get(key) {
      database.resetReadTxn();
      return database.getBinary(key);
    },
    range(range) {
      database.resetReadTxn();
      return readRange(database, range);
    },
  };
}
