// Writing: the whole file under a name of its own in the same folder, then in one step under the right one. The
// name of its own is the operation's: a write that was cut leaves one such file at most, which the same write
// takes away when it is repeated.

import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, link, open, rename, unlink } from "node:fs/promises";
import type { FileState, FileWritten, WriteMode } from "../../actors/files.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { checkPlain, type Folder, ignoring } from "./folder.ts";
import { fileLimits } from "./limits.ts";
import type { FilePlace } from "./place.ts";
import { bytesAt, inFolder, stateOf, tooLarge } from "./read.ts";
import { hasMoved, refusalOf } from "./refusals.ts";

/** What is written. */
export interface Writing {
  readonly mode: WriteMode;
  readonly text: string;
  /** What was there when the call began. */
  readonly before: FileState;
  readonly operation: string;
}

const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW = 0 } = constants;
const PERMISSIONS = 0o777;

/** Whether a name is that of a file that is being written. */
export const isPartName = (name: string): boolean => /^\.troupe-[0-9a-f]{32}\.part$/.test(name);

/** Writes, unless it is written. @throws CONFLICT for a file that is there, or was changed meanwhile. */
export async function writeFile(place: FilePlace, writing: Writing): Promise<FileWritten> {
  const { shown, name, folder: root } = place;
  const { mode, before, operation } = writing;
  const text = Buffer.from(writing.text);
  if (mode === "create" && before !== null) {
    throw new RuntimeError("CONFLICT", `${shown} is there already; mode says what to do with it.`, {
      pointer: "/mode",
    });
  }
  const kept = mode === "append" ? (before?.bytes ?? 0) : 0;
  const bytes = kept + text.length;
  if (bytes > fileLimits.writtenBytes) throw tooLarge(shown);
  const after = { path: shown, bytes, mode };
  const part = partName(operation);
  return await inFolder(root, (folder) => within(folder), true);

  async function within(folder: Folder): Promise<FileWritten> {
    await folder.check();
    const seen = await folder.look(name);
    // A file that was just made has two names until the other one is taken away, which may have been cut.
    await unlink(folder.at(part)).catch(ignoring("ENOENT"));
    if (seen !== null) checkPlain((await folder.look(name)) ?? seen, shown);
    const now = await stateOf(place);
    if (await isDone(folder, now, { text, kept, before, place })) return after;
    if (mode !== "overwrite" && !isSame(now, before)) {
      const said = `${shown} was changed meanwhile; nothing was written.`;
      throw new RuntimeError("CONFLICT", said, { pointer: "/path" });
    }
    if (now === null) await checkRoom(folder);
    try {
      const access = accessOf(seen?.mode);
      const own = await makePart(folder, part, { text, kept, before, name, access });
      await folder.check();
      // The same write, begun again while this one hung, has put its own there.
      if ((await folder.look(part))?.ino !== own) throw hasMoved(shown);
      if (now === null) await appear(folder, part, name);
      else await rename(folder.at(part), folder.at(name));
      await folder.sync();
      return after;
    } catch (error) {
      await unlink(folder.at(part)).catch(() => undefined);
      throw refusalOf(error, shown);
    }
  }
}

/** Where the new content is put first. */
export function partName(operation: string): string {
  return `.troupe-${createHash("sha256").update(operation).digest("hex").slice(0, 32)}.part`;
}

const isSame = (one: FileState, other: FileState): boolean =>
  one?.bytes === other?.bytes && one?.sha256 === other?.sha256;

/** Whether the file is what it should become: the same write was cut behind its end. */
async function isDone(
  folder: Folder,
  now: FileState,
  of: {
    readonly text: Buffer;
    readonly kept: number;
    readonly before: FileState;
    readonly place: FilePlace;
  },
): Promise<boolean> {
  const { text, kept, before, place } = of;
  if (now === null || now.bytes !== kept + text.length || isSame(now, before)) {
    return now !== null && text.length === 0 && isSame(now, before) && kept === before?.bytes;
  }
  const { handle } = await folder.file(place.name, place.shown);
  try {
    const head = createHash("sha256");
    for (let at = 0; at < kept; at += fileLimits.pieceBytes) {
      head.update(await bytesAt(handle, at, Math.min(fileLimits.pieceBytes, kept - at)));
    }
    if (kept > 0 && head.digest("hex") !== before?.sha256) return false;
    return (await bytesAt(handle, kept, text.length + 1)).equals(text);
  } finally {
    await handle.close();
  }
}

async function checkRoom(folder: Folder): Promise<void> {
  const names = await folder.names(fileLimits.entriesMade);
  if (names.length < fileLimits.entriesMade) return;
  const text = `A folder that tools write to has at most ${fileLimits.entriesMade} entries.`;
  throw new RuntimeError("CONFLICT", text, { pointer: "/path" });
}

/** Of the file that was there, without the bits that lend its owner's rights. */
function accessOf(mode: number | undefined): number | null {
  return mode === undefined ? null : mode & PERMISSIONS;
}

/** What becomes of a file. */
interface Part {
  readonly text: Buffer;
  /** Bytes of what was there that stay. */
  readonly kept: number;
  readonly before: FileState;
  readonly name: string;
  /** Null: there was none. */
  readonly access: number | null;
}

/** @returns the number that the disk knows it by. */
async function makePart(folder: Folder, part: string, of: Part): Promise<number> {
  // Made and never opened: what another process put there is not written to.
  const handle = await open(folder.at(part), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW);
  try {
    if (of.kept > 0) await copy(folder, of, handle);
    await handle.writeFile(of.text);
    if (of.access !== null) await handle.chmod(of.access);
    await handle.sync();
    return (await handle.stat()).ino;
  } finally {
    await handle.close();
  }
}

async function copy(
  folder: Folder,
  { name, kept, before }: Pick<Part, "name" | "kept" | "before">,
  to: FileHandle,
): Promise<void> {
  const from = await folder.file(name);
  const copied = createHash("sha256");
  try {
    for (let at = 0; at < kept; at += fileLimits.pieceBytes) {
      const most = Math.min(fileLimits.pieceBytes, kept - at);
      const piece = await bytesAt(from.handle, at, most);
      copied.update(piece);
      await to.writeFile(piece);
    }
    if (copied.digest("hex") !== before?.sha256) throw hasMoved(folder.shown);
  } finally {
    await from.handle.close();
  }
}

/** Gives a new file its name, unless something has it by now. */
async function appear(folder: Folder, part: string, name: string): Promise<void> {
  try {
    await link(folder.at(part), folder.at(name));
  } catch (error) {
    const { code = "" } = error as { readonly code?: string };
    // File systems without hard links.
    if (!["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS"].includes(code)) throw error;
    if ((await folder.look(name)) !== null) {
      throw Object.assign(new Error(), { code: "EEXIST" });
    }
    await rename(folder.at(part), folder.at(name));
    return;
  }
  await unlink(folder.at(part));
}
