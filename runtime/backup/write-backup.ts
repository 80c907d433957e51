// Writes a backup of a data folder into one file, whole or not at all: rows of both environments as
// they were at one moment, and, only when asked for, the small files beside them, which are keys.

import { randomBytes } from "node:crypto";
import { link, open, readdir, readFile, rm, stat, statfs } from "node:fs/promises";
import { basename, dirname, join, resolve, sep } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { RuntimeError } from "../errors.ts";
import { decode } from "../store/codec.ts";
import { FOLDER_FORMAT } from "../store/folder.ts";
import { keys } from "../store/keys.ts";
import type { Environment } from "../store/store.ts";
import {
  BackupWriter,
  backupFileLimits,
  blockTypes,
  ContentsMeter,
  packFile,
  RowsPacker,
} from "./backup-file.ts";
import { BACKUP_FORMAT, type BackupManifest, type Contents } from "./manifest.ts";
import { openSnapshot, type Snapshot, type SnapshotPart } from "./snapshot.ts";

/** Limits of a backup. */
export const backupLimits = {
  /** MiB written in a second unless another figure is asked for, and most that may be. */
  mibPerSecond: 32,
  mibPerSecondMax: 4_096,
  /** Bytes after which what was written is flushed: what waits in memory would hold up flushes of chats. */
  flushBytes: 8 * 1024 * 1024,
  /** Rows read before the event loop has its turn. */
  sliceRows: 500,
  /** Left free on the disk beside what the backup takes, bytes. */
  spareBytes: 16 * 1024 * 1024,
  /** Bytes of one file beside the rows. */
  fileBytesMax: 1024 * 1024,
  /** What a backup that was killed has left is removed by a later one of the same name, after ms. */
  leftoverMs: 600_000,
} as const;

/** What is to be written where. */
export interface BackupRequest {
  /** The data folder. */
  readonly folder: string;
  /** The file to write; a folder that exists gets one named by the time. Never overwritten. */
  readonly target: string;
  /** Whether the files beside the rows are in it: the admin key, the master key. */
  readonly withKeys: boolean;
  readonly mibPerSecond: number;
  /** Of the program. */
  readonly version: string;
}

/** How far a backup is. */
export interface BackupProgress {
  readonly rows: number;
  readonly rowsTotal: number;
  readonly bytes: number;
}

/** A backup that is there. */
export interface BackupDone {
  readonly path: string;
  readonly bytes: number;
  readonly manifest: BackupManifest;
}

/** Who listens, and how it is ended early. */
export interface BackupWatch {
  readonly signal: AbortSignal;
  progress(of: BackupProgress): void;
}

/**
 * Writes a backup. Until its end the file has another name, which is removed when it fails.
 * @throws CONFLICT when the file is there, INVALID for a place that cannot be, STORE_FULL when the disk
 *   has no room for it, CANCELLED.
 */
export async function writeBackup(request: BackupRequest, watch: BackupWatch): Promise<BackupDone> {
  const path = await backupPath(request);
  await removeLeftovers(path);
  const partial = `${path}.${randomBytes(4).toString("hex")}.partial`;
  const { snapshot, files, leftOut } = await holdAll(request);
  try {
    await checkRoom(path, snapshot);
    const file = await open(partial, "wx", 0o600);
    try {
      const written = new Pace(new BackupWriter(file), request.mibPerSecond, () => file.datasync());
      const environments = await writeRows(snapshot, written, watch);
      const manifest: BackupManifest = {
        ...{ format: BACKUP_FORMAT, folderFormat: formatOf(snapshot), version: request.version },
        ...{ node: process.version, at: snapshot.at.toISOString(), environments },
        files: await writeFiles(files, written),
        leftOut,
      };
      await written.write(blockTypes.manifest, Buffer.from(JSON.stringify(manifest)));
      await file.sync();
      watch.signal.throwIfAborted();
      // A name that is there by now is not overwritten.
      await link(partial, path);
      await flushFolder(dirname(path));
      return { path, bytes: written.bytes, manifest };
    } finally {
      await file.close();
      await rm(partial, { force: true });
    }
  } catch (error) {
    throw told(error, path, watch.signal);
  } finally {
    await snapshot.close();
  }
}

/**
 * The file that a backup is written to.
 * @throws CONFLICT when it is there, INVALID.
 */
export async function backupPath({
  folder,
  target,
}: Pick<BackupRequest, "folder" | "target">): Promise<string> {
  const at = resolve(target);
  const found = await stat(at).catch(() => null);
  const isFolder = found?.isDirectory() === true;
  const stamp = new Date().toISOString().replace(/[:.]/g, "-");
  const path = isFolder ? join(at, `troupe-${stamp}.backup`) : at;
  if (`${path}${sep}`.startsWith(`${resolve(folder)}${sep}`)) {
    const text = "The backup would lie in the data folder itself; name a place outside of it.";
    throw new RuntimeError("INVALID", text, { pointer: "/path" });
  }
  if (found !== null && !isFolder) throw isThere(path);
  // It is not made: Node's recursive mkdir never ends where the system has no such folder, as in /proc.
  const parent = await stat(dirname(path)).catch(() => null);
  if (parent?.isDirectory() !== true) {
    const text = `There is no folder ${dirname(path)}; make it, or name another place.`;
    throw new RuntimeError("INVALID", text, { pointer: "/path" });
  }
  return path;
}

/** Another process may be writing one of them: only what has not changed for long is removed. */
async function removeLeftovers(path: string): Promise<void> {
  const name = basename(path);
  for (const found of await readdir(dirname(path))) {
    const is = found.startsWith(`${name}.`) && /\.[0-9a-f]{8}\.partial$/.test(found);
    if (!is) continue;
    const file = join(dirname(path), found);
    const changed = await stat(file).catch(() => null);
    const isOld = changed !== null && Date.now() - changed.mtimeMs > backupLimits.leftoverMs;
    if (isOld) await rm(file, { force: true });
  }
}

interface Held {
  readonly snapshot: Snapshot;
  readonly files: ReadonlyMap<string, Buffer>;
  readonly leftOut: readonly string[];
}

/** Of the folder's names, those that are rows, locks, or files that are just being written. */
const OURS = /^(hot|bulk)\.mdb(-lock)?$|^lock(\.|$)|\.new$/;
const HOLDS_MAX = 10;

/** The files must be those of the moment: a key that was changed meanwhile opens other rows. */
async function holdAll({ folder, withKeys }: BackupRequest): Promise<Held> {
  for (let attempt = 0; attempt < HOLDS_MAX; attempt += 1) {
    const before = withKeys ? await readFiles(folder) : new Map<string, Buffer>();
    const snapshot = await openSnapshot(folder);
    const entries = (await readdir(folder)).filter((name) => !OURS.test(name));
    if (!withKeys) return { snapshot, files: before, leftOut: entries };
    const files = await readFiles(folder);
    const leftOut = entries.filter((name) => !files.has(name));
    const isSame = [...before].every(([name, bytes]) => files.get(name)?.equals(bytes) === true);
    if (isSame && before.size === files.size) return { snapshot, files, leftOut };
    await snapshot.close();
  }
  throw new RuntimeError("CONFLICT", "The key files keep changing; try again.");
}

async function readFiles(folder: string): Promise<Map<string, Buffer>> {
  const files = new Map<string, Buffer>();
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (!entry.isFile() || OURS.test(entry.name)) continue;
    const bytes = await readFile(join(folder, entry.name));
    if (bytes.length <= backupLimits.fileBytesMax) files.set(entry.name, bytes);
  }
  return files;
}

async function checkRoom(path: string, { parts }: Snapshot): Promise<void> {
  const needed = parts.reduce((sum, { bytes }) => sum + bytes, backupLimits.spareBytes);
  const { bavail, bsize } = await statfs(dirname(path));
  const free = bavail * bsize;
  if (free >= needed) return;
  const mib = (bytes: number): number => Math.ceil(bytes / 1024 ** 2);
  const text = `The backup takes up to ${mib(needed)} MiB and the disk of ${dirname(path)} has ${mib(free)} MiB left; make room, or name another place.`;
  throw new RuntimeError("STORE_FULL", text, { neededBytes: needed, freeBytes: free });
}

async function writeRows(
  { parts }: Snapshot,
  to: Pace,
  { signal, progress }: BackupWatch,
): Promise<Partial<Record<Environment, Contents>>> {
  const rowsTotal = parts.reduce((sum, part) => sum + part.rows, 0);
  const environments: Partial<Record<Environment, Contents>> = {};
  let rows = 0;
  for (const part of parts) {
    const meter = new ContentsMeter();
    await eachBlock(part, async (payload, count) => {
      signal.throwIfAborted();
      await to.write(blockTypes[part.environment], payload);
      meter.take(payload, count);
      rows += count;
      progress({ rows, rowsTotal, bytes: to.bytes });
    });
    environments[part.environment] = meter.contents();
  }
  return environments;
}

async function eachBlock(
  part: SnapshotPart,
  take: (payload: Buffer, rows: number) => Promise<void>,
): Promise<void> {
  const packer = new RowsPacker();
  let count = 0;
  let read = 0;
  for (const { key, value } of part.all()) {
    packer.add(key, value);
    count += 1;
    read += 1;
    if (packer.bytes >= backupFileLimits.blockBytes) {
      await take(packer.take(), count);
      count = 0;
    } else if (read % backupLimits.sliceRows === 0) {
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  if (count > 0) await take(packer.take(), count);
}

async function writeFiles(
  files: ReadonlyMap<string, Buffer>,
  to: Pace,
): Promise<BackupManifest["files"]> {
  const written: Record<string, Omit<Contents, "rows">> = {};
  for (const [name, bytes] of files) {
    const meter = new ContentsMeter();
    meter.take(bytes, 0);
    await to.write(blockTypes.file, packFile(name, bytes));
    const { bytes: length, sha256 } = meter.contents();
    written[name] = { bytes: length, sha256 };
  }
  return written;
}

/** Format of the rows, as the folder says it. */
function formatOf({ parts }: Snapshot): number {
  for (const { key, value } of parts[0]?.all() ?? []) {
    if (key === keys.header) return (decode(value) as { readonly format: number }).format;
    if (key > keys.header) break;
  }
  return FOLDER_FORMAT;
}

/** A writer that takes its time and leaves little to be flushed. */
class Pace {
  readonly #writer: BackupWriter;
  readonly #bytesPerMs: number;
  readonly #flush: () => Promise<void>;
  readonly #sinceMs = performance.now();
  #flushedBytes = 0;

  constructor(writer: BackupWriter, mibPerSecond: number, flush: () => Promise<void>) {
    this.#writer = writer;
    this.#bytesPerMs = (mibPerSecond * 1024 ** 2) / 1_000;
    this.#flush = flush;
  }

  get bytes(): number {
    return this.#writer.bytes;
  }

  async write(...block: Parameters<BackupWriter["write"]>): Promise<void> {
    await this.#writer.write(...block);
    if (this.bytes - this.#flushedBytes >= backupLimits.flushBytes) {
      await this.#flush();
      this.#flushedBytes = this.bytes;
    }
    const dueMs = this.bytes / this.#bytesPerMs;
    const earlyMs = dueMs - (performance.now() - this.#sinceMs);
    if (earlyMs > 1) await pause(earlyMs);
  }
}

async function flushFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

const isThere = (path: string): RuntimeError =>
  new RuntimeError("CONFLICT", `${path} is there already; a backup overwrites nothing.`, {
    pointer: "/path",
  });

function unusable(path: string, cause: unknown): RuntimeError {
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : String(cause);
  const text = `${path} cannot be written (${code}); name another place.`;
  return new RuntimeError("INVALID", text, { pointer: "/path" }, { cause });
}

function told(error: unknown, path: string, signal: AbortSignal): unknown {
  if (signal.aborted) return new RuntimeError("CANCELLED", "The backup was cancelled.");
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (error instanceof RuntimeError || typeof code !== "string") return error;
  if (code === "EEXIST") return isThere(path);
  if (code === "ENOSPC" || code === "EDQUOT") {
    const text = `The disk of ${dirname(path)} is full; nothing was left there.`;
    return new RuntimeError("STORE_FULL", text, {}, { cause: error });
  }
  return unusable(path, error);
}
