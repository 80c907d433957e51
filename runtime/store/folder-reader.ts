// Reads a data folder that no server has open: for programs beside the server. It holds the folder's
// lock while it reads, so that no server starts under it, and it never writes to the data.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { RuntimeError } from "../errors.ts";
import { openFolder } from "./folder.ts";
import { environmentFile, READERS_MAX, readRange } from "./lmdb.ts";
import { open } from "./lmdb-library.ts";
import { openedReader } from "./sealed-rows.ts";
import type { Sealer } from "./sealer.ts";
import type { Environment, Range, Reader } from "./store.ts";

/** A data folder opened for reading. */
export interface FolderReader {
  readonly hot: Reader;
  readonly bulk: Reader;
  /** Closes it and gives the folder free. */
  close(): Promise<void>;
}

/**
 * Opens a data folder for reading.
 * @param sealer absent where nothing is sealed: what is cannot be decoded then.
 * @throws NOT_FOUND when there is none, DATA_LOCKED when a server has it open, FOREIGN_DATA.
 */
export function openFolderReader(path: string, sealer?: Sealer): FolderReader {
  if (!existsSync(join(path, "hot.mdb"))) {
    throw new RuntimeError("NOT_FOUND", `There is no data folder at ${path}.`);
  }
  const folder = openFolder(path);
  try {
    const [hot, bulk] = [
      openEnvironment(path, "hot", sealer),
      openEnvironment(path, "bulk", sealer),
    ];
    return {
      hot: hot.reader,
      bulk: bulk.reader,
      close: async () => {
        await Promise.all([hot.close(), bulk.close()]);
        folder.release();
      },
    };
  } catch (error) {
    folder.release();
    throw error;
  }
}

const nothing: Reader = { get: () => undefined, range: () => [] };

interface Opened {
  readonly reader: Reader;
  close(): Promise<void>;
}

function openEnvironment(
  path: string,
  environment: Environment,
  sealer: Sealer | undefined,
): Opened {
  const file = environmentFile(path, environment);
  // A server that never had documents has no second environment.
  if (!existsSync(file)) return { reader: nothing, close: async () => undefined };
  const database = open<Uint8Array, string>({
    path: file,
    encoding: "binary",
    readOnly: true,
    maxReaders: READERS_MAX,
  });
  const stored = {
    get: (key: string) => database.getBinary(key),
    range: (range: Range) => readRange(database, range),
  };
  return {
    reader: openedReader(stored, environment, sealer),
    close: () => database.close(),
  };
}
