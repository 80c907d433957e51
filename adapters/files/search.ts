// Looking for files in a thread of the compute pool: by glob, by text, or both. Everything has a bound, and what
// was left out is said.

import type { FileFound, FileQuery, FilesFound } from "../../actors/files.ts";
import {
  type LinearPattern,
  linearPattern,
  loadLinearPatterns,
} from "../../actors/linear-pattern.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { Folder, type Root } from "./folder.ts";
import { globOf } from "./glob.ts";
import { fileLimits } from "./limits.ts";
import { bytesAt } from "./read.ts";
import { pieceText } from "./text-of.ts";
import { isPartName } from "./write.ts";

/** What a search is asked for. */
export interface SearchTask {
  readonly roots: readonly Root[];
  readonly query: Pick<FileQuery, "glob" | "text" | "pattern" | "isCaseSensitive">;
  /** Default `fileLimits`. */
  readonly limits?: Partial<Record<keyof typeof fileLimits, number>>;
}

/** The compute pool's function. @throws INVALID for a glob or a pattern that cannot be read. */
export async function searchFiles(input: unknown): Promise<FilesFound> {
  const { roots, query, limits = {} } = input as SearchTask;
  await loadLinearPatterns();
  const search = new Search(query, { ...fileLimits, ...limits });
  for (const root of roots) await search.root(root);
  return search.found();
}

type Fits = (line: string) => boolean;

class Search {
  readonly #files: FileFound[] = [];
  readonly #notes = new Set<string>();
  readonly #glob: (path: string) => boolean;
  readonly #line: Fits | null;
  readonly #limits: Record<keyof typeof fileLimits, number>;
  readonly #endMs: number;
  #entries = 0;
  #searched = 0;
  #bytes = 0;

  constructor(query: SearchTask["query"], limits: Record<keyof typeof fileLimits, number>) {
    const { glob } = query;
    this.#glob = glob === undefined ? () => true : globOf(glob);
    this.#line = lineTest(query, limits.patternLineChars);
    this.#limits = limits;
    this.#endMs = performance.now() + limits.searchMs;
  }

  async root(root: Root): Promise<void> {
    let folder: Folder;
    try {
      folder = await Folder.open(root);
    } catch (error) {
      if (!(error instanceof RuntimeError) || error.code !== "NOT_FOUND") throw error;
      // A path may be a file.
      return await this.#only(root, error);
    }
    await this.#walk(folder, "", 0);
  }

  found(): FilesFound {
    const notes = [...this.#notes];
    return {
      ...{ files: this.#files, searched: this.#searched },
      ...(notes.length > 0 && { notes }),
    };
  }

  async #only(root: Root, missing: RuntimeError): Promise<void> {
    const name = root.parts.at(-1);
    if (name === undefined) throw missing;
    const folder = await Folder.open({ ...root, parts: root.parts.slice(0, -1) });
    try {
      await this.#file(folder, { name, path: name, shown: root.shown });
    } finally {
      await folder.close();
    }
  }

  /** Closes the folder. */
  async #walk(folder: Folder, above: string, depth: number): Promise<void> {
    try {
      const left = this.#limits.searchEntries - this.#entries;
      const names = await folder.names(left + 1);
      if (names.length > left) this.#note(`more than ${this.#limits.searchEntries} entries`);
      for (const name of [...names].sort().slice(0, left)) {
        if (this.#isOver()) return;
        this.#entries += 1;
        const path = above === "" ? name : `${above}/${name}`;
        const seen = await folder.look(name).catch(() => null);
        if (seen?.isDirectory()) await this.#below(folder, { name, path, depth });
        else if (seen?.isFile() && seen.nlink === 1 && !isPartName(name)) {
          await this.#file(folder, { name, path, shown: `${folder.shown}/${name}` });
        }
      }
    } finally {
      await folder.close();
    }
  }

  async #below(
    folder: Folder,
    { name, path, depth }: { readonly name: string; readonly path: string; readonly depth: number },
  ): Promise<void> {
    if (depth >= this.#limits.searchDepth) {
      return this.#note(`folders more than ${this.#limits.searchDepth} levels deep`);
    }
    // One that cannot be read is left out, as links are.
    const below = await folder.folder(name).catch(() => null);
    if (below !== null) await this.#walk(below, path, depth + 1);
  }

  async #file(
    folder: Folder,
    { name, path, shown }: { readonly name: string; readonly path: string; readonly shown: string },
  ): Promise<void> {
    if (!this.#glob(path)) return;
    const file = await folder.file(name, shown).catch(() => null);
    if (file === null) return;
    try {
      this.#searched += 1;
      const bytes = file.stats.size;
      if (this.#line === null) return this.#add({ path: shown, bytes });
      const read = await bytesAt(file.handle, 0, Math.min(bytes, this.#limits.searchFileBytes));
      this.#bytes += read.length;
      const isWhole = read.length === bytes;
      if (!isWhole) this.#note(`what is behind ${this.#limits.searchFileBytes} bytes of a file`);
      const text = pieceText(read, isWhole)?.text;
      const lines = text === undefined ? [] : this.#lines(text, this.#line);
      if (lines.length > 0) this.#add({ path: shown, bytes, lines });
    } finally {
      await file.handle.close();
    }
  }

  #lines(text: string, fits: Fits): { line: number; text: string }[] {
    const lines: { line: number; text: string }[] = [];
    let line = 0;
    for (let from = 0; from <= text.length; ) {
      const at = text.indexOf("\n", from);
      const end = at === -1 ? text.length : at;
      line += 1;
      const said = text.slice(from, end);
      if (fits(said)) lines.push({ line, text: said.slice(0, this.#limits.searchLineChars) });
      if (lines.length >= this.#limits.searchLines || this.#isLate()) return lines;
      from = end + 1;
    }
    return lines;
  }

  #add(file: FileFound): void {
    this.#files.push(file);
  }

  #isLate(): boolean {
    if (performance.now() < this.#endMs) return false;
    this.#note(`what was not reached in ${this.#limits.searchMs} ms`);
    return true;
  }

  #isOver(): boolean {
    const { searchFiles: most, searchBytes } = this.#limits;
    if (this.#files.length >= most) this.#note(`files behind the first ${most}`);
    else if (this.#bytes >= searchBytes) this.#note(`what is behind ${searchBytes} bytes of files`);
    else return this.#isLate();
    return true;
  }

  #note(what: string): void {
    this.#notes.add(`Left out: ${what}.`);
  }
}

/** Null: the text of files is not looked at. */
function lineTest(query: SearchTask["query"], charsMax: number): Fits | null {
  const { text, pattern, isCaseSensitive = false } = query;
  if (text !== undefined && pattern !== undefined) {
    throw new RuntimeError("INVALID", "Give text or pattern, not both.", { pointer: "/pattern" });
  }
  if (text !== undefined) {
    const wanted = isCaseSensitive ? text : text.toLowerCase();
    return (line) => (isCaseSensitive ? line : line.toLowerCase()).includes(wanted);
  }
  if (pattern === undefined) return null;
  const compiled = patternOf(isCaseSensitive ? pattern : `(?i)${pattern}`);
  return (line) => compiled.matcher(line.slice(0, charsMax)).find();
}

function patternOf(source: string): LinearPattern {
  try {
    return linearPattern(source);
  } catch (error) {
    throw noPattern(error);
  }
}

function noPattern(cause: unknown): RuntimeError {
  const text = "The pattern cannot be read: it is one of RE2, without lookaheads and references.";
  return new RuntimeError("INVALID", text, { pointer: "/pattern" }, { cause });
}
