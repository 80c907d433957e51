// A folder that is held open, and the only way to what is in it: name by name, each opened from its parent's
// descriptor (`/proc/self/fd/N/name`, which is openat), none of them through a link. Whatever is exchanged on
// the disk meanwhile, nothing outside of the granted folder is reached.
// Where there are no such paths, the places themselves are looked at before and after each opening: what was
// exchanged is refused after it was opened and before anything of it is used.

import { constants, existsSync, type Stats } from "node:fs";
import { type FileHandle, lstat, mkdir, open, opendir, realpath } from "node:fs/promises";
import { join } from "node:path";
import {
  hasMoved,
  isFolder,
  isLink,
  isMissing,
  isShared,
  isSpecial,
  refusalOf,
} from "./refusals.ts";

/** Windows has none of the last three. */
const { O_RDONLY, O_NOFOLLOW = 0, O_DIRECTORY = 0, O_NONBLOCK = 0 } = constants;
const DESCRIPTORS = "/proc/self/fd";

/** Whether folders are held by their descriptors here. */
export const holdsDescriptors = process.platform === "linux" && existsSync(DESCRIPTORS);

/** A granted folder and the names below it. */
export interface Root {
  /** Absolute. The operator's: it may be a link. */
  readonly path: string;
  readonly parts: readonly string[];
  /** What a model is shown for all of it. */
  readonly shown: string;
  /** Default `holdsDescriptors`. */
  readonly byDescriptor?: boolean;
}

/** A plain file that was opened for reading. */
export interface OpenFile {
  readonly handle: FileHandle;
  readonly stats: Stats;
}

/** One folder. Close it. */
export class Folder {
  readonly shown: string;
  readonly #place: string;
  /** Null: the place itself is all there is. */
  readonly #handle: FileHandle | null;

  private constructor(place: string, handle: FileHandle | null, shown: string) {
    this.#place = place;
    this.#handle = handle;
    this.shown = shown;
  }

  /** The folder at these names. @param isMade whether missing ones are made, below the granted one. */
  static async open(root: Root, isMade = false): Promise<Folder> {
    const { path, parts, shown, byDescriptor = holdsDescriptors } = root;
    let folder = await Folder.#granted(path, shown, byDescriptor);
    for (const name of parts) {
      const next = await folder.folder(name, isMade, shown).finally(() => folder.close());
      folder = next;
    }
    return folder;
  }

  static async #granted(path: string, shown: string, byDescriptor: boolean): Promise<Folder> {
    try {
      if (!byDescriptor) return new Folder(await realpath(path), null, shown);
      return new Folder(path, await open(path, O_RDONLY | O_DIRECTORY), shown);
    } catch (error) {
      throw refusalOf(error, `granted folder of ${shown}`);
    }
  }

  /** Where an entry is, for calls that do not follow a link there. One name: checked by whoever has a path. */
  at(name: string): string {
    const isName = name !== "" && name !== "." && name !== ".." && !/[/\0]/.test(name);
    const isPlain = process.platform !== "win32" || !/[:\\]/.test(name);
    if (!isName || !isPlain) throw isMissing(this.shown);
    return this.#handle === null
      ? join(this.#place, name)
      : `${DESCRIPTORS}/${this.#handle.fd}/${name}`;
  }

  /** A folder in it. */
  async folder(name: string, isMade = false, shown = `${this.shown}/${name}`): Promise<Folder> {
    const place = this.at(name);
    try {
      await this.check();
      if (isMade) await mkdir(place).catch(ignoring("EEXIST"));
      if (this.#handle === null) {
        const seen = await lstat(place);
        if (seen.isSymbolicLink()) throw isLink(shown);
        await this.#unmoved(shown);
        if (!seen.isDirectory()) throw Object.assign(new Error(), { code: "ENOTDIR" });
        return new Folder(place, null, shown);
      }
      const handle = await open(place, O_RDONLY | O_DIRECTORY | O_NOFOLLOW).catch(async (error) => {
        // A link is none here, which is said of it.
        throw (await lstat(place)).isSymbolicLink() ? isLink(shown) : error;
      });
      return new Folder(join(this.#place, name), handle, shown);
    } catch (error) {
      throw refusalOf(error, shown);
    }
  }

  /** A plain file in it, for reading. Whatever else has this name is not even opened, or does not hang. */
  async file(name: string, shown = `${this.shown}/${name}`): Promise<OpenFile> {
    const place = this.at(name);
    try {
      checkPlain(await lstat(place), shown);
      const handle = await open(place, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
      try {
        const stats = await handle.stat();
        checkPlain(stats, shown);
        if (this.#handle === null) {
          await this.#unmoved(shown);
          const now = await lstat(place);
          if (now.ino !== stats.ino || now.dev !== stats.dev) throw hasMoved(shown);
        }
        return { handle, stats };
      } catch (error) {
        await handle.close();
        throw error;
      }
    } catch (error) {
      throw refusalOf(error, shown);
    }
  }

  /** What has this name, which is not opened; null: nothing. */
  async look(name: string): Promise<Stats | null> {
    try {
      return await lstat(this.at(name));
    } catch (error) {
      if ((error as { code?: string }).code === "ENOENT") return null;
      throw refusalOf(error, `${this.shown}/${name}`);
    }
  }

  /** Names in it, at most so many, in the order of the disk. */
  async names(most: number): Promise<readonly string[]> {
    const names: string[] = [];
    const place = this.#handle === null ? this.#place : `${DESCRIPTORS}/${this.#handle.fd}/`;
    try {
      for await (const { name } of await opendir(place)) {
        if (names.length >= most) break;
        names.push(name);
      }
      if (this.#handle === null) await this.#unmoved(this.shown);
      return names;
    } catch (error) {
      throw refusalOf(error, this.shown);
    }
  }

  /** Before and after something is put here: that this is where it was. */
  async check(): Promise<void> {
    if (this.#handle === null) await this.#unmoved(this.shown);
  }

  /** What was put here survives the loss of power. Not every file system can say so. */
  async sync(): Promise<void> {
    await this.#handle?.sync().catch(() => undefined);
  }

  async close(): Promise<void> {
    await this.#handle?.close();
  }

  async #unmoved(shown: string): Promise<void> {
    if ((await realpath(this.#place)) !== this.#place) throw hasMoved(shown);
  }
}

/** @throws what this is refused with that is no plain file with one name. */
export function checkPlain(stats: Stats, shown: string): void {
  if (stats.isSymbolicLink()) throw isLink(shown);
  if (stats.isDirectory()) throw isFolder(shown);
  if (!stats.isFile()) throw isSpecial(shown);
  if (stats.nlink > 1) throw isShared(shown);
}

/** For `catch`: an error with this code is none. */
export function ignoring(code: string): (error: unknown) => void {
  return (error) => {
    if ((error as { code?: string }).code !== code) throw error;
  };
}
