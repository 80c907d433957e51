// Where a collection's index files lie, and how they go while a merge still writes some: the folder
// gets another name first, so that nothing new can be made in it, and is emptied under that one.

import { rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { RuntimeError } from "../../runtime/errors.ts";
import { keyPart } from "../../runtime/store/keys.ts";
import type { Place } from "./rows.ts";

/** Limits of a removal. */
export const removalLimits = {
  /** Times a folder that was made again is renamed. */
  roundsMax: 10,
  /** Times one that was not empty at its end is emptied again: a file was just being made. */
  retriesMax: 10,
  /** Pause before the second time, before the third twice that. */
  retryDelayMs: 10,
} as const;

/** Folder of a collection's files below the data folder. */
export function indexFolder(data: string, { tenant, collection }: Place): string {
  return join(data, "index", folderPart(tenant), folderPart(collection));
}

/** Never a name with a meaning, e.g. "..", nor one of a folder that is being removed. */
function folderPart(name: string): string {
  const part = keyPart(name);
  return part.startsWith(".") || part === "" ? `_${part}` : part;
}

/** Removes a collection's folder, if there is one, and what a removal that was cut off has left. */
export async function removeIndexFolder(folder: string): Promise<void> {
  const aside = join(dirname(folder), `.${basename(folder)}`);
  const { roundsMax, retriesMax: maxRetries, retryDelayMs: retryDelay } = removalLimits;
  for (let round = 0; round < roundsMax; round += 1) {
    await rm(aside, { recursive: true, force: true, maxRetries, retryDelay });
    try {
      await rename(folder, aside);
    } catch (error) {
      if (codeOf(error) === "ENOENT") return;
      // Two removals at once: the other one has put a folder there.
      if (!isThere(error)) throw error;
    }
  }
  throw new RuntimeError(
    "STORE_FAILED",
    "An index folder that is removed is made again and again.",
  );
}

const codeOf = (error: unknown): unknown =>
  error instanceof Error && "code" in error ? error.code : undefined;

function isThere(error: unknown): boolean {
  return codeOf(error) === "ENOTEMPTY" || codeOf(error) === "EEXIST";
}
