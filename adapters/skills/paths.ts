// Paths of the files of a skill, as an upload names them: relative, with "/" between their parts, and
// the same file on every system. What is not is refused by name; nothing is repaired.

import { skillLimits } from "../../actors/records/skill.ts";
import { RuntimeError } from "../../runtime/errors.ts";

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
const CONTROL = /[\u0000-\u001f\u007f]/;
const DRIVE = /^[A-Za-z]:/;
const HALF_OF_A_PAIR = /\p{Surrogate}/u;

/** What systems leave in folders and zips of them. */
const LITTER = /(?:^|\/)(?:__MACOSX\/.*|\.DS_Store|Thumbs\.db|desktop\.ini)$/;

/** Whether a path is of what nobody wrote. */
export const isLitter = (path: string): boolean => LITTER.test(path);

/** @throws INVALID naming the path and what is wrong with it. */
export function checkPath(path: string): void {
  const problem = problemOf(path);
  if (problem !== null) throw refused(path, problem);
}

/**
 * Checks that no two files are the same one where letters' case or composition do not count, and that
 * none is also a folder.
 * @throws INVALID naming both.
 */
export function checkDistinct(paths: readonly string[]): void {
  const files = new Map<string, string>();
  for (const path of paths) {
    const folded = foldedOf(path);
    const other = files.get(folded);
    if (other === path) throw refused(path, "it is there twice");
    if (other !== undefined) throw refused(path, `it differs from ${shown(other)} in case only`);
    files.set(folded, path);
  }
  for (const path of paths) {
    const parts = foldedOf(path).split("/");
    for (let depth = 1; depth < parts.length; depth += 1) {
      const file = files.get(parts.slice(0, depth).join("/"));
      if (file !== undefined) throw refused(path, `${shown(file)} is a file and not a folder`);
    }
  }
}

/** The error of an entry of an upload. */
export function refused(path: string, why: string, limit?: number): RuntimeError {
  const details = {
    entry: path.slice(0, skillLimits.pathChars),
    ...(limit !== undefined && { limit }),
  };
  return new RuntimeError("INVALID", `The entry ${shown(path)} is refused: ${why}.`, details);
}

/** The error of an entry that is too large, or one too many. */
export function tooLarge(path: string, why: string, limit: number): RuntimeError {
  const details = { entry: path.slice(0, skillLimits.pathChars), limit };
  return new RuntimeError(
    "BODY_TOO_LARGE",
    `The entry ${shown(path)} is refused: ${why}.`,
    details,
  );
}

function problemOf(path: string): string | null {
  const { pathChars, pathDepth } = skillLimits;
  if (path === "") return "it has no name";
  if (path.length > pathChars) return `a path has at most ${pathChars} characters`;
  if (CONTROL.test(path)) return "a path has no control characters";
  if (HALF_OF_A_PAIR.test(path)) return "its name is no Unicode text";
  if (path.includes("\\")) return 'the parts of a path have "/" between them, not a backslash';
  if (path.startsWith("/")) return "a path is relative, not absolute";
  if (DRIVE.test(path)) return "a path is relative, without a drive letter";
  const parts = path.split("/");
  if (parts.length > pathDepth) return `folders are at most ${pathDepth - 1} levels deep`;
  for (const part of parts) {
    if (part === "") return "a part of its path is empty";
    if (part === "." || part === "..") return `a path has no "${part}"`;
    if (/[. ]$/.test(part)) return "no part of a path ends with a dot or a space";
  }
  return null;
}

const foldedOf = (path: string): string => path.normalize("NFC").toLowerCase().normalize("NFC");

/** A path in a message: quoted, and without what would not be seen. */
function shown(path: string): string {
  return JSON.stringify(path.slice(0, skillLimits.pathChars));
}
