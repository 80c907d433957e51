// Reading: a piece of a file, what is in a folder, and what a file is.

import { createHash, type Hash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import type {
  FileBytes,
  FileLook,
  FileState,
  FolderEntry,
  FolderLook,
} from "../../actors/files.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { checkPlain, Folder, type OpenFile, type Root } from "./folder.ts";
import { fileLimits } from "./limits.ts";
import type { FilePlace } from "./place.ts";
import { isMissing } from "./refusals.ts";
import { cutBytes, pieceText } from "./text-of.ts";

/** Opens a file's folder, and closes it behind what is done in it. */
export async function inFolder<T>(
  root: Root,
  act: (folder: Folder) => Promise<T>,
  isMade = false,
): Promise<T> {
  const folder = await Folder.open(root, isMade);
  try {
    return await act(folder);
  } finally {
    await folder.close();
  }
}

/** Opens a file, and closes it behind what is done with it. */
export async function withFile<T>(
  { folder: root, name, shown }: FilePlace,
  act: (file: OpenFile) => Promise<T>,
): Promise<T> {
  const file = await inFolder(root, (folder) => folder.file(name, shown));
  try {
    return await act(file);
  } finally {
    await file.handle.close();
  }
}

/** Whether this place is a folder now. @throws NOT_FOUND, FORBIDDEN. */
export async function isFolderAt({ folder: root, name, shown }: FilePlace): Promise<boolean> {
  return await inFolder(root, async (folder) => {
    const seen = await folder.look(name);
    if (seen === null) throw isMissing(shown);
    if (seen.isDirectory()) return true;
    checkPlain(seen, shown);
    return false;
  });
}

/** What is in a folder. */
export async function listFolder(root: Root): Promise<FolderLook> {
  return await inFolder(root, async (folder) => {
    const names = await folder.names(fileLimits.entriesRead + 1);
    const isCut = names.length > fileLimits.entriesRead;
    const shown = [...names].sort().slice(0, fileLimits.entriesShown);
    const entries: FolderEntry[] = [];
    for (const name of shown) {
      const seen = await folder.look(name);
      if (seen === null) continue;
      const isFile = seen.isFile();
      const kind = isFile
        ? "file"
        : seen.isDirectory()
          ? "folder"
          : seen.isSymbolicLink()
            ? "link"
            : "other";
      entries.push({ name, kind, ...(isFile && { bytes: seen.size }) });
    }
    const more = isCut ? `more than ${fileLimits.entriesRead}` : String(names.length);
    const note = `The folder has ${more} entries; these are ${shown.length} of them.`;
    const isWhole = shown.length === names.length;
    return { path: root.shown, kind: "folder", entries, ...(!isWhole && { note }) };
  });
}

/** A piece of a file. */
export async function readPiece(
  place: FilePlace,
  { offset: asked, bytesMax }: { readonly offset: number; readonly bytesMax: number },
): Promise<FileLook> {
  return await withFile(place, async ({ handle, stats }) => {
    const bytes = await bytesAt(handle, asked, bytesMax + 1);
    const isEnd = bytes.length <= bytesMax;
    // Who begins within a character begins behind it.
    const lead = asked === 0 ? 0 : cutBytes(bytes);
    const offset = asked + lead;
    const piece = pieceText(bytes.subarray(lead, bytesMax), isEnd);
    const base = {
      ...{ path: place.shown, kind: "file" as const, bytes: stats.size },
      ...{ modified: stats.mtime.toISOString(), offset },
    };
    if (piece === null) return { ...base, note: "The file is binary: no text is shown." };
    const next = offset + piece.bytes;
    return { ...base, text: piece.text, ...(!isEnd && { next_offset: next }) };
  });
}

/** A whole file. @throws INVALID for one of more bytes, also where it grows meanwhile. */
export async function readWhole(place: FilePlace, bytesMax: number): Promise<FileBytes> {
  return await withFile(place, async ({ handle, stats }) => {
    const isLarger = stats.size > bytesMax;
    const bytes = isLarger ? null : await bytesAt(handle, 0, bytesMax + 1);
    if (bytes !== null && bytes.length <= bytesMax) {
      const modified = stats.mtime.toISOString();
      return { name: place.name, bytes: new Uint8Array(bytes), modified };
    }
    const text = `${place.shown} has ${Math.max(stats.size, bytesMax + 1)} bytes, the limit here is ${bytesMax}.`;
    throw new RuntimeError("INVALID", text, { pointer: "/path" });
  });
}

/** At most so many bytes from there. */
export async function bytesAt(handle: FileHandle, offset: number, most: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(most);
  let length = 0;
  while (length < most) {
    const { bytesRead } = await handle.read(bytes, length, most - length, offset + length);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  return bytes.subarray(0, length);
}

/** What a file is; null: there is none. @throws INVALID for one that is too large to be written to. */
export async function stateOf(place: FilePlace): Promise<FileState> {
  try {
    return await withFile(place, async ({ handle }) => {
      const hash = createHash("sha256");
      const bytes = await hashed(hash, handle, place.shown);
      return { bytes, sha256: hash.digest("hex") };
    });
  } catch (error) {
    if (error instanceof RuntimeError && error.code === "NOT_FOUND") return null;
    throw error;
  }
}

/** Adds a file to a hash. @returns its bytes. */
async function hashed(hash: Hash, handle: FileHandle, shown: string): Promise<number> {
  let at = 0;
  for (;;) {
    const piece = await bytesAt(handle, at, fileLimits.pieceBytes);
    if (piece.length === 0) return at;
    hash.update(piece);
    at += piece.length;
    if (at > fileLimits.writtenBytes) throw tooLarge(shown);
  }
}

/** What a file is refused with that would be too large. */
export function tooLarge(shown: string): RuntimeError {
  const text = `A file that tools write to has at most ${fileLimits.writtenBytes} bytes; ${shown} has more.`;
  return new RuntimeError("INVALID", text, { pointer: "/content" });
}
