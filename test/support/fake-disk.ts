// A disk in memory for what watches files: looks take time, during which things happen; numbers of files that are
// gone are given again; changes are told, or are not.

import type { FileMark } from "../../actors/triggers/files.ts";
import type { Entry, Eyes } from "../../adapters/triggers/watch/eyes.ts";
import type { Clock } from "../../runtime/clock.ts";

interface Watcher {
  readonly dir: string;
  id: string;
  readonly hint: (name: string | null) => void;
}

const nameOf = (path: string): string => path.slice(path.lastIndexOf("/") + 1);
const dirOf = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf("/")));

/** The disk: one folder, "", with what is in it. */
export class FakeDisk implements Eyes {
  readonly path = "/desk";
  readonly files = new Map<string, FileMark>();
  readonly folders = new Map<string, string>([["", "0"]]);
  readonly #clock: Clock;
  readonly #isTold: boolean;
  readonly #watchers = new Set<Watcher>();
  readonly #inos = new Set<string>();
  /** Nothing is told for now. */
  isDeaf = false;
  #tick = 0;

  constructor(clock: Clock, isTold: boolean) {
    this.#clock = clock;
    this.#isTold = isTold;
  }

  /** Writes a file, each time with a size of its own. */
  write(path: string): void {
    const before = this.files.get(path);
    const { ino = this.#free(), born = this.#now() } = before ?? {};
    this.#tick += 1;
    this.files.set(path, { ino, born, size: `${this.#tick}`, mtime: this.#now() });
    this.#hint(path);
  }

  remove(path: string): void {
    this.#inos.delete(this.files.get(path)?.ino ?? "");
    this.files.delete(path);
    this.#hint(path);
  }

  /** As rename(2): what was there before is gone. */
  rename(from: string, to: string): void {
    const mark = this.files.get(from);
    if (mark === undefined || from === to) return;
    if (this.files.has(to)) this.#inos.delete(this.files.get(to)?.ino ?? "");
    this.files.delete(from);
    this.files.set(to, mark);
    this.#hint(from);
    this.#hint(to);
  }

  makeFolder(path: string): void {
    this.#tick += 1;
    this.folders.set(path, `${this.#tick}`);
    this.#hint(path);
  }

  renameFolder(from: string, to: string): void {
    const moved = [...this.files].filter(([path]) => path.startsWith(`${from}/`));
    this.folders.set(to, this.folders.get(from) ?? "");
    this.folders.delete(from);
    for (const [path, mark] of moved) {
      this.files.delete(path);
      this.files.set(`${to}${path.slice(from.length)}`, mark);
    }
    this.#hint(from);
    this.#hint(to);
  }

  /** Nobody is told any more: whoever was is dead. */
  forgetWatchers(): void {
    this.#watchers.clear();
  }

  readonly look: Eyes["look"] = async (_, parts, names) => {
    const dir = parts.join("/");
    await this.#later();
    const id = this.folders.get(dir);
    if (id === undefined) return null;
    const entries = new Map<string, Entry>();
    const all = names ?? this.#namesIn(dir);
    for (const name of [...all].sort()) {
      if (names === null && this.#tick % 3 === 0) await this.#later();
      const path = dir === "" ? name : `${dir}/${name}`;
      const mark = this.files.get(path);
      const folder = this.folders.get(path);
      if (mark !== undefined) entries.set(name, { kind: "file", mark });
      else if (folder !== undefined) entries.set(name, { kind: "folder", id: folder });
    }
    return { id, entries };
  };

  readonly watch: Eyes["watch"] = async (_, parts, hint) => {
    const dir = parts.join("/");
    await this.#later();
    const id = this.folders.get(dir);
    if (!this.#isTold || id === undefined) return null;
    const watcher = { dir, id, hint };
    this.#watchers.add(watcher);
    return { id, stop: () => this.#watchers.delete(watcher) };
  };

  #namesIn(dir: string): Set<string> {
    const paths = [...this.files.keys(), ...this.folders.keys()];
    return new Set(paths.filter((path) => path !== "" && dirOf(path) === dir).map(nameOf));
  }

  #hint(path: string): void {
    const dir = dirOf(path);
    if (this.isDeaf) return;
    for (const watcher of this.#watchers) {
      if (watcher.id === this.folders.get(dir)) watcher.hint(nameOf(path));
    }
  }

  async #later(): Promise<void> {
    await new Promise<void>((resolve) => this.#clock.after(3, resolve));
  }

  #free(): string {
    let ino = 1;
    while (this.#inos.has(`${ino}`)) ino += 1;
    this.#inos.add(`${ino}`);
    return `${ino}`;
  }

  /** Nanoseconds; no two are the same. */
  #now(): string {
    this.#tick += 1;
    return `${BigInt(this.#clock.now()) * 1_000_000n + BigInt(this.#tick)}`;
  }
}
