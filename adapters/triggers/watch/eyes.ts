// What watching sees of a disk: a port, and the disk. Folders are opened as file tools open them (adapters/files):
// name by name, none through a link. The system's own telling is a hint alone; what is seen is what counts.

import { type BigIntStats, watch as watchPlace } from "node:fs";
import { lstat } from "node:fs/promises";
import type { FileMark } from "../../../actors/triggers/files.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import { Folder, type Root } from "../../files/folder.ts";
import { isPartName } from "../../files/write.ts";
import { watchLimits } from "./limits.ts";

/** What has a name in a folder. Links, devices and files with several names are not there. */
export type Entry =
  | { readonly kind: "file"; readonly mark: FileMark }
  | { readonly kind: "folder"; readonly id: string };

/** A folder that was looked at. */
export interface FolderSeen {
  /** Which folder it was, whatever it is called. */
  readonly id: string;
  readonly entries: ReadonlyMap<string, Entry>;
}

/** A folder whose changes are told. */
export interface FolderTold {
  /** "" from when it is told no more. */
  readonly id: string;
  stop(): void;
}

/** The port. Folders are given by their names below the root. */
export interface Eyes {
  /**
   * What is in a folder: these names, or all. Null: it is not there.
   * @throws RuntimeError FORBIDDEN and CONFLICT for what cannot be looked at, INVALID for more than `most` entries.
   */
  look(
    root: Root,
    dir: readonly string[],
    names: ReadonlySet<string> | null,
    most: number,
  ): Promise<FolderSeen | null>;
  /** Tells of changes in a folder, by name where it is known. Null: nobody tells of it. */
  watch(
    root: Root,
    dir: readonly string[],
    hint: (name: string | null) => void,
  ): Promise<FolderTold | null>;
}

/** Names that tools are never told of: they could not open them. */
const UNNAMEABLE = /[\p{Cc}\p{Cs}\\\uFFFD]/u;

/** The disk. */
export const diskEyes: Eyes = {
  look: async (root, dir, names, most) => {
    const folder = await opened(root, dir);
    if (folder === null) return null;
    try {
      const wanted = names ?? (await folder.names(most + 1));
      if (names === null && (wanted as readonly string[]).length > most) {
        const text = `There are more than ${watchLimits.entries} entries in ${root.shown}: name a folder below it.`;
        throw new RuntimeError("INVALID", text);
      }
      const entries = new Map<string, Entry>();
      for (const name of wanted) {
        const entry = await entryOf(folder, name);
        if (entry !== null) entries.set(name, entry);
      }
      return { id: idOf(await lstat(selfOf(folder), { bigint: true })), entries };
    } finally {
      await folder.close();
    }
  },
  watch: async (root, dir, hint) => {
    const folder = await opened(root, dir);
    if (folder === null) return null;
    try {
      const place = selfOf(folder);
      const told = { id: idOf(await lstat(place, { bigint: true })), stop: () => watcher.close() };
      const watcher = watchPlace(place, { persistent: false });
      const over = (): void => {
        told.id = "";
        hint(null);
      };
      watcher.on("error", over);
      watcher.on("change", (_, name) => {
        // Of itself: it is gone, or is called otherwise.
        if (name === SELF) over();
        else hint(typeof name === "string" ? name : null);
      });
      return told;
    } catch {
      // The system has no more of them, or tells of none here.
      return null;
    } finally {
      await folder.close();
    }
  },
};

/** @returns null for what is not there. */
async function opened(root: Root, dir: readonly string[]): Promise<Folder | null> {
  try {
    return await Folder.open({ ...root, parts: [...root.parts, ...dir] });
  } catch (error) {
    if (error instanceof RuntimeError && error.code === "NOT_FOUND") return null;
    throw error;
  }
}

async function entryOf(folder: Folder, name: string): Promise<Entry | null> {
  if (UNNAMEABLE.test(name) || isPartName(name)) return null;
  let seen: BigIntStats;
  try {
    seen = await lstat(folder.at(name), { bigint: true });
  } catch {
    // It went meanwhile, or is none of ours to look at.
    return null;
  }
  if (seen.isDirectory()) return { kind: "folder", id: idOf(seen) };
  if (!seen.isFile() || seen.nlink > 1n) return null;
  const { ino, size, mtimeNs, birthtimeNs } = seen;
  const mark = { ino: `${ino}`, size: `${size}`, mtime: `${mtimeNs}`, born: `${birthtimeNs}` };
  return { kind: "file", mark };
}

/** The folder itself as a place: what tells of it calls it by the last part. */
const SELF = ".";
const selfOf = (folder: Folder): string => `${folder.at("x").slice(0, -1)}${SELF}`;

/** Numbers of folders that are gone are given again: when it was made tells them apart. */
const idOf = ({ dev, ino, birthtimeNs }: BigIntStats): string => `${dev}:${ino}:${birthtimeNs}`;
