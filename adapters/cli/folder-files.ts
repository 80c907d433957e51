// The files that a command is given: named ones, and everything below folders but what is hidden.

import { createHash } from "node:crypto";
import { readdir, stat } from "node:fs/promises";
import { basename, join, relative, resolve, sep } from "node:path";
import { RuntimeError } from "../../runtime/errors.ts";

/** Files of one command. */
export const FILES_MAX = 100_000;
/** Longest id of a document. */
const ID_CHARS = 200;
const HASH_CHARS = 16;

/** A file with the id its document has: the path from where the command was told to look. */
export interface FoundFile {
  readonly path: string;
  readonly id: string;
  readonly bytes: number;
}

/**
 * Files in order of path, each once; one that has gone since has no bytes.
 * @throws INVALID when a path is not there, there are too many, or two would be one document.
 */
export async function filesOf(paths: readonly string[]): Promise<readonly FoundFile[]> {
  const found = new Map<string, FoundFile>();
  for (const path of paths) {
    const whole = resolve(path);
    const about = await stat(whole).catch((cause: unknown) => {
      throw new RuntimeError("INVALID", `There is no file or folder ${path}.`, {}, { cause });
    });
    const names = about.isDirectory() ? await below(whole) : [whole];
    const base = about.isDirectory() ? whole : resolve(whole, "..");
    for (const name of names) {
      if (found.size >= FILES_MAX) {
        throw new RuntimeError("INVALID", `There are more than ${FILES_MAX} files.`);
      }
      const bytes = await stat(name).then(
        ({ size }) => size,
        () => 0,
      );
      const from = relative(base, name).split(sep).join("/");
      const id = idOf(about.isDirectory() ? `${basename(whole)}/${from}` : from);
      const other = found.get(id);
      if (other !== undefined && other.path !== name) {
        const advice = "Name the folder that holds both.";
        const text = `${other.path} and ${name} would be one document, ${id}. ${advice}`;
        throw new RuntimeError("INVALID", text);
      }
      found.set(id, { path: name, id, bytes });
    }
  }
  return [...found.values()];
}

/** Ids have no control characters and an end; names of files may. */
function idOf(path: string): string {
  return shortened(path.replace(/\p{Cc}/gu, "\ufffd"));
}

async function below(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !isHidden(relative(folder, path)))
    .sort();
}

function isHidden(path: string): boolean {
  return path.split(sep).some((part) => part.startsWith(".") || part === "node_modules");
}

function shortened(id: string): string {
  if (id.length <= ID_CHARS) return id;
  const hash = createHash("sha256").update(id).digest("hex").slice(0, HASH_CHARS);
  return `${hash}/${id.slice(HASH_CHARS + 1 - ID_CHARS)}`;
}
