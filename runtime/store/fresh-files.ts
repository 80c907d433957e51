// Names of the files that a compaction writes beside those in use, until they take their places.

import { rmSync } from "node:fs";
import { join } from "node:path";

/** The file that is to take the place of `file`. */
export function freshFile(file: string): string {
  return `${file}.new`;
}

/** Removes what a compaction that was cut off has left in a folder that is this process's own. */
export function removeFresh(path: string): void {
  for (const name of ["hot.mdb", "bulk.mdb"]) {
    const file = freshFile(join(path, name));
    for (const one of [file, `${file}-lock`]) rmSync(one, { force: true });
  }
}
