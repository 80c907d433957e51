// Which paths below a folder a trigger watches.

import { loadLinearPatterns } from "../../../actors/linear-pattern.ts";
import { globOf } from "../../files/glob.ts";

/** Which. */
export interface Fits {
  /** Whether a file at this path is watched. */
  fits(path: string): boolean;
  /** Whether there may be such files in a folder at this path. */
  enters(path: string): boolean;
}

/** Hidden files, and what editors leave beside theirs. */
const ASIDE = /^\.|~$/;

/** Those of globs, or of none. @throws INVALID for one that cannot be read. */
export async function fitsOf(globs: readonly string[] | undefined): Promise<Fits> {
  if (globs === undefined) {
    const isOpen = (path: string): boolean => !path.split("/").some((name) => ASIDE.test(name));
    return { fits: isOpen, enters: isOpen };
  }
  await loadLinearPatterns();
  const all = globs.map((glob) => globOf(glob));
  return { fits: (path) => all.some((fits) => fits(path)), enters: () => true };
}
