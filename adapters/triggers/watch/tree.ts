// The folders that one trigger watches: which of them tell of their changes, and looks at all of them or at some
// names, compared with what the trigger knows. A folder that is new, gone or another one is seen by a look at all.

import { type FileMark, isSameFile } from "../../../actors/triggers/files.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import type { Root } from "../../files/folder.ts";
import type { Entry, Eyes, FolderSeen, FolderTold } from "./eyes.ts";
import { watchLimits } from "./limits.ts";
import type { Difference, Looked } from "./pending.ts";

/** What the trigger knows of files. */
export interface Known {
  all(): Promise<Map<string, FileMark>>;
  some(paths: readonly string[]): Promise<Map<string, FileMark>>;
}

/** What it works with. */
export interface TreeParts {
  readonly eyes: Eyes;
  readonly root: Root;
  readonly known: Known;
  readonly isRecursive: boolean;
  /** Whether the file at this path is watched, and whether the folder may have such. */
  fits(path: string): boolean;
  enters(path: string): boolean;
  /** Something happened there. */
  hint(dir: string, name: string | null): void;
}

/** Names to look at, by folder. */
export type Dirty = ReadonlyMap<string, ReadonlySet<string>>;

/** A look at everything; what is not there at all is said by `NOT_FOUND`. */
export interface LookedAtAll extends Looked {
  readonly files: number;
  /** Folders that could not be looked at. */
  readonly unreadable: readonly string[];
}

const partsOf = (dir: string): readonly string[] => (dir === "" ? [] : dir.split("/"));
const below = (dir: string, name: string): string => (dir === "" ? name : `${dir}/${name}`);
const folderOf = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf("/")));

interface Walk {
  readonly found: Map<string, FileMark>;
  readonly visited: Set<string>;
  readonly unreadable: string[];
  entries: number;
}

/** Folders of one trigger. Looks come one after the other. */
export class Tree {
  readonly #parts: TreeParts;
  readonly #folders = new Map<string, FolderTold | null>();
  #isTold = true;

  constructor(parts: TreeParts) {
    this.#parts = parts;
  }

  /** Whether the system tells of changes in all of its folders. */
  get isTold(): boolean {
    return this.#isTold;
  }

  get folders(): number {
    return this.#folders.size;
  }

  stop(): void {
    for (const told of this.#folders.values()) told?.stop();
    this.#folders.clear();
  }

  /** Looks at everything. @throws RuntimeError NOT_FOUND, FORBIDDEN, CONFLICT, and INVALID for too much. */
  async lookAtAll(): Promise<LookedAtAll> {
    const { known } = this.#parts;
    const walk: Walk = { found: new Map(), visited: new Set(), unreadable: [], entries: 0 };
    this.#isTold = true;
    await this.#visit("", walk);
    for (const [dir, told] of [...this.#folders]) {
      if (walk.visited.has(dir)) continue;
      told?.stop();
      this.#folders.delete(dir);
    }
    const { found, unreadable } = walk;
    const before = await known.all();
    const covers = (path: string): boolean => !unreadable.some((dir) => path.startsWith(`${dir}/`));
    const differing = new Map<string, Difference>();
    for (const path of new Set([...before.keys(), ...found.keys()])) {
      if (covers(path)) compare(differing, path, before, found);
    }
    return { differing, covers, files: found.size, unreadable };
  }

  /** Looks at some names. Null: it takes a look at everything. */
  async lookAt(dirty: Dirty): Promise<Looked | null> {
    const { eyes, root, known, fits } = this.#parts;
    const found = new Map<string, FileMark>();
    const paths: string[] = [];
    for (const [dir, names] of dirty) {
      const told = this.#folders.get(dir);
      let seen: FolderSeen | null;
      try {
        seen = await eyes.look(root, partsOf(dir), names, names.size);
      } catch {
        return null;
      }
      if (seen === null || told === undefined) return null;
      if (told !== null && told.id !== seen.id) return null;
      for (const name of names) {
        const path = below(dir, name);
        const entry = seen.entries.get(name);
        if (this.#isFolderChange(path, entry)) return null;
        if (!fits(path)) continue;
        paths.push(path);
        if (entry?.kind === "file") found.set(path, entry.mark);
      }
    }
    const before = await known.some(paths);
    const differing = new Map<string, Difference>();
    for (const path of paths) compare(differing, path, before, found);
    const looked = new Set(paths);
    return { differing, covers: (path) => looked.has(path) };
  }

  /** Whether a folder came or went by this name. */
  #isFolderChange(path: string, entry: Entry | undefined): boolean {
    const { isRecursive, enters } = this.#parts;
    if (!isRecursive || !enters(path)) return false;
    const before = this.#folders.get(path);
    if (entry?.kind !== "folder") return before !== undefined;
    return before === undefined || (before !== null && before.id !== entry.id);
  }

  async #visit(dir: string, walk: Walk): Promise<void> {
    const { isRecursive, fits, enters, root } = this.#parts;
    const seen = await this.#seen(dir, walk);
    if (seen === null) return;
    walk.visited.add(dir);
    walk.entries += seen.entries.size;
    for (const [name, entry] of seen.entries) {
      const path = below(dir, name);
      if (entry.kind === "file") {
        if (fits(path)) walk.found.set(path, entry.mark);
      } else if (isRecursive && enters(path)) await this.#visit(path, walk);
      if (walk.found.size <= watchLimits.files) continue;
      const text = `More than ${watchLimits.files} files are watched in ${root.shown}: name a folder below it, or globs.`;
      throw new RuntimeError("INVALID", text);
    }
  }

  /** What is in a folder, having seen to it that it tells of changes from before that look on. */
  async #seen(dir: string, walk: Walk): Promise<FolderSeen | null> {
    const { eyes, root } = this.#parts;
    try {
      for (let attempt = 0; ; attempt += 1) {
        const told = await this.#told(dir);
        const left = watchLimits.entries - walk.entries;
        const seen = await eyes.look(root, partsOf(dir), null, left);
        if (seen === null) {
          if (dir !== "") return null;
          throw new RuntimeError("NOT_FOUND", `There is no ${root.shown}.`);
        }
        if (told === null || told.id === seen.id || attempt > 1) return seen;
        // Another folder has its name now.
        told.stop();
        this.#folders.delete(dir);
      }
    } catch (error) {
      if (dir === "" || (error instanceof RuntimeError && error.code === "INVALID")) throw error;
      walk.unreadable.push(dir);
      walk.visited.add(dir);
      return null;
    }
  }

  async #told(dir: string): Promise<FolderTold | null> {
    const { eyes, root, hint } = this.#parts;
    const before = this.#folders.get(dir);
    if (before != null) return before;
    const isRoom = this.#folders.size < watchLimits.folders;
    const told = isRoom ? await eyes.watch(root, partsOf(dir), (name) => hint(dir, name)) : null;
    this.#folders.set(dir, told);
    if (told === null) this.#isTold = false;
    return told;
  }
}

function compare(
  differing: Map<string, Difference>,
  path: string,
  before: ReadonlyMap<string, FileMark>,
  found: ReadonlyMap<string, FileMark>,
): void {
  const from = before.get(path) ?? null;
  const to = found.get(path) ?? null;
  if (!isSameFile(from, to)) differing.set(path, { from, to });
}

/** Names by folder, of paths. */
export function dirtyOf(paths: Iterable<string>): Map<string, Set<string>> {
  const dirty = new Map<string, Set<string>>();
  for (const path of paths) {
    const dir = folderOf(path);
    const names = dirty.get(dir) ?? new Set();
    names.add(path.slice(dir === "" ? 0 : dir.length + 1));
    dirty.set(dir, names);
  }
  return dirty;
}
