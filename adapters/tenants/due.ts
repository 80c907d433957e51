// Whether a compaction is due: said by a file of the data folder, so that a start knows it before it opens
// anything.

import { rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { readSmall } from "../data-folder.ts";

/** Is there when rows and files of a tenant are gone, and a compaction is all that is left to do. */
export const COMPACTION_DUE = "compaction-due";

/** Whether it is. */
export async function isCompactionDue(data: string): Promise<boolean> {
  return (await readSmall(data, COMPACTION_DUE)) !== null;
}

/** Since when one is, ms since the epoch: rows of a removed tenant were gone then. Null: none is. */
export async function compactionDueSince(data: string): Promise<number | null> {
  try {
    return (await stat(join(data, COMPACTION_DUE))).mtimeMs;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

/** Says that it was done. */
export async function compactionDone(data: string): Promise<void> {
  await rm(join(data, COMPACTION_DUE), { force: true });
}
