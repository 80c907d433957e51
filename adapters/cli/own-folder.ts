// The data folder of a command that works without a server, or finds that one has it.

import { existsSync } from "node:fs";
import { RuntimeError } from "../../runtime/errors.ts";
import { type Folder, openFolder } from "../../runtime/store/folder.ts";
import { environmentFile } from "../../runtime/store/lmdb.ts";

/** The folder when nobody has it open; null when a server has. @throws NOT_FOUND when there is none. */
export function ownFolder(path: string): Folder | null {
  if (!existsSync(environmentFile(path, "hot"))) {
    throw new RuntimeError("NOT_FOUND", `There is no data folder at ${path}; name it with --data.`);
  }
  try {
    return openFolder(path);
  } catch (error) {
    if (error instanceof RuntimeError && error.code === "DATA_LOCKED") return null;
    throw error;
  }
}
