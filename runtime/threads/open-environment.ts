// Opens the file of an environment for writing, on its storage thread.

import { RuntimeError } from "../errors.ts";
import { environmentFile, PAGE_BYTES, READERS_MAX } from "../store/lmdb.ts";
import { open, type RootDatabase } from "../store/lmdb-library.ts";
import type { ThreadOptions } from "../store/storage.ts";
import type { Environment } from "../store/store.ts";

/** Opens or makes it. @throws RuntimeError DATA_DAMAGED, DATA_UNUSABLE. */
export function openEnvironment(
  { path, mapBytes }: Pick<ThreadOptions, "path" | "mapBytes">,
  environment: Environment,
): RootDatabase<Uint8Array, string> {
  const file = environmentFile(path, environment);
  try {
    return open<Uint8Array, string>({
      path: file,
      encoding: "binary",
      pageSize: PAGE_BYTES,
      mapSize: mapBytes[environment],
      maxReaders: READERS_MAX,
      maxDbs: 1,
      // A group is one explicit batch: its one promise tells of a failure, the others of an event turn
      // are dropped by lmdb-js and would be unhandled rejections.
      eventTurnBatching: false,
    });
  } catch (error) {
    throw unopened(file, error);
  }
}

function unopened(file: string, cause: unknown): RuntimeError {
  const isDamage = /MDB_CORRUPTED|MDB_INVALID|MDB_PAGE_NOTFOUND/.test(String(cause));
  const message = `${file} cannot be opened: ${String(cause)}`;
  const code = isDamage ? "DATA_DAMAGED" : "DATA_UNUSABLE";
  return new RuntimeError(code, message, undefined, { cause });
}
