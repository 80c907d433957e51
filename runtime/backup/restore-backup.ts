// Makes a data folder of a backup file: whole or not at all. Everything is checked while it is read,
// and the folder has its name only when all of it was found to be what was written.

import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import {
  chmod,
  mkdir,
  open,
  readdir,
  rename,
  rm,
  rmdir,
  stat,
  statfs,
  writeFile,
} from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { RuntimeError } from "../errors.ts";
import { FOLDER_FORMAT } from "../store/folder.ts";
import { environmentFile, PAGE_BYTES } from "../store/lmdb.ts";
import { open as openStore, type RootDatabase } from "../store/lmdb-library.ts";
import type { Environment } from "../store/store.ts";
import {
  type Block,
  blockTypes,
  ContentsMeter,
  fileOf,
  readBlocks,
  rowsOf,
} from "./backup-file.ts";
import { BACKUP_FORMAT, type BackupManifest } from "./manifest.ts";

/** What is restored where. */
export interface RestoreRequest {
  /** The backup file. */
  readonly file: string;
  /** The data folder to make: missing or empty. Null: only looked through. */
  readonly to: string | null;
  /** Small files to put beside what the backup has, by name: for the program's own marks. */
  readonly added?: Readonly<Record<string, string>>;
}

/** Who listens. */
export interface RestoreWatch {
  progress(bytes: number, total: number): void;
}

/** Address space of a store that is made; it takes no disk. */
const MAP_BYTES = 256 * 1024 ** 3;
/** A row and what pages cost beside it take less than this many times its bytes in the backup. */
const GROWTH = 1.5;
/** Names a file of a backup may have: one of a folder, and none of those of the stores. */
const PLAIN = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$/;

type Database = RootDatabase<Uint8Array, string>;

/**
 * Reads a backup through and, unless `to` is null, makes a data folder of it.
 * @throws CONFLICT when the folder has something in it, DATA_DAMAGED with block and byte, FOREIGN_DATA
 *   for a file that is no backup or of a newer version, STORE_FULL, NOT_FOUND.
 */
export async function restoreBackup(
  { file: path, to, added = {} }: RestoreRequest,
  watch: RestoreWatch,
): Promise<BackupManifest> {
  const file = await open(path, "r").catch((cause: unknown) => {
    const text = `${path} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`;
    throw new RuntimeError("NOT_FOUND", text, {}, { cause });
  });
  try {
    const { size: total } = await file.stat();
    if (to === null) return await readThrough(readBlocks(file, path), null, path, { watch, total });
    const folder = resolve(to);
    await checkEmpty(folder);
    const parent = await stat(dirname(folder)).catch(() => null);
    if (parent?.isDirectory() !== true) {
      throw new RuntimeError("NOT_FOUND", `There is no folder ${dirname(folder)}; make it first.`);
    }
    await checkRoom(dirname(folder), total);
    const partial = join(
      dirname(folder),
      `.${basename(folder)}.${randomBytes(4).toString("hex")}.restoring`,
    );
    await mkdir(partial, { mode: 0o700 });
    try {
      const blocks = readBlocks(file, path);
      const manifest = await readThrough(blocks, partial, path, { watch, total });
      await putFiles(partial, added);
      await place(partial, folder);
      return manifest;
    } finally {
      await rm(partial, { recursive: true, force: true });
    }
  } finally {
    await file.close();
  }
}

async function checkEmpty(folder: string): Promise<void> {
  const found = await stat(folder).catch(() => null);
  if (found === null) return;
  const names = found.isDirectory() ? await readdir(folder) : [basename(folder)];
  if (names.length === 0) return;
  const text = `${folder} is not empty; a restore overwrites nothing. Name a new folder, or move this one away.`;
  throw new RuntimeError("CONFLICT", text);
}

async function checkRoom(parent: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(parent);
  const needed = Math.ceil(bytes * GROWTH);
  if (bavail * bsize >= needed) return;
  const text = `The folder takes up to ${needed} bytes and the disk of ${parent} has ${bavail * bsize}; make room.`;
  throw new RuntimeError("STORE_FULL", text);
}

interface Reading {
  readonly watch: RestoreWatch;
  readonly total: number;
}

async function readThrough(
  blocks: AsyncIterable<Block>,
  folder: string | null,
  path: string,
  { watch, total }: Reading,
): Promise<BackupManifest> {
  const target = new Target(folder);
  let bytes = 0;
  let manifest: BackupManifest | undefined;
  try {
    for await (const { type, payload } of blocks) {
      bytes += payload.length;
      if (type === blockTypes.manifest) {
        manifest = manifestOf(payload, path);
        target.complete(manifest);
      } else if (type === blockTypes.file) await target.file(payload, path);
      else await target.rows(type === blockTypes.hot ? "hot" : "bulk", payload);
      watch.progress(bytes, total);
    }
  } finally {
    await target.close();
  }
  if (manifest === undefined) throw damaged(path, "it has no manifest");
  target.compare(manifest, path);
  return manifest;
}

function manifestOf(payload: Buffer, path: string): BackupManifest {
  const manifest = JSON.parse(payload.toString("utf8")) as BackupManifest;
  if (manifest.format !== BACKUP_FORMAT || manifest.folderFormat > FOLDER_FORMAT) {
    const text = `${path} is of version ${manifest.version}, whose data has format ${manifest.folderFormat}; this version reads up to ${FOLDER_FORMAT}. Restore it with that version or a newer one.`;
    throw new RuntimeError("FOREIGN_DATA", text);
  }
  return manifest;
}

/** Where the contents of a backup go, and what they come to. */
class Target {
  readonly #folder: string | null;
  readonly #databases = new Map<Environment, Database>();
  readonly #meters = new Map<string, ContentsMeter>();

  constructor(folder: string | null) {
    this.#folder = folder;
  }

  async rows(environment: Environment, payload: Buffer): Promise<void> {
    const database = this.#folder === null ? null : this.#open(this.#folder, environment);
    let rows = 0;
    const put = (): void => {
      for (const { key, value } of rowsOf(payload)) {
        rows += 1;
        void database?.put(key, value);
      }
    };
    if (database === null) put();
    else await database.batch(put);
    this.#meter(environment).take(payload, rows);
  }

  async file(payload: Buffer, path: string): Promise<void> {
    const { name, bytes } = fileOf(payload);
    if (!PLAIN.test(name) || /\.mdb/.test(name)) {
      throw damaged(path, "it has a file whose name is none of a data folder");
    }
    this.#meter(`file ${name}`).take(bytes, 0);
    if (this.#folder === null) return;
    await writeFile(join(this.#folder, name), bytes, { mode: 0o600, flush: true });
  }

  /** A store without rows has a file too. */
  complete({ environments }: BackupManifest): void {
    if (this.#folder === null) return;
    if (environments.hot !== undefined) this.#open(this.#folder, "hot");
    if (environments.bulk !== undefined) this.#open(this.#folder, "bulk");
  }

  async close(): Promise<void> {
    for (const database of this.#databases.values()) {
      await database.flushed;
      await database.close();
    }
    if (this.#folder === null) return;
    // The lock file of a store is made by opening it and would be another machine's.
    for (const name of await readdir(this.#folder)) {
      if (name.endsWith(".mdb-lock")) await rm(join(this.#folder, name));
      else await chmod(join(this.#folder, name), 0o600);
    }
  }

  /** @throws DATA_DAMAGED when the manifest says something else than what was read. */
  compare({ environments, files }: BackupManifest, path: string): void {
    const said = new Map<string, { rows?: number; bytes: number; sha256: string }>([
      ...Object.entries(environments),
      ...Object.entries(files).map(([name, file]) => [`file ${name}`, file] as const),
    ]);
    for (const name of new Set([...said.keys(), ...this.#meters.keys()])) {
      const is = this.#meter(name).contents();
      const was = said.get(name);
      const isSame =
        is.sha256 === was?.sha256 && is.bytes === was.bytes && is.rows === (was.rows ?? 0);
      if (!isSame) throw damaged(path, `its ${name} is not what its manifest says`);
    }
    if (environments.hot === undefined) throw damaged(path, "it has no rows of hot");
  }

  #meter(name: string): ContentsMeter {
    const known = this.#meters.get(name);
    if (known !== undefined) return known;
    const meter = new ContentsMeter();
    this.#meters.set(name, meter);
    return meter;
  }

  #open(folder: string, environment: Environment): Database {
    const known = this.#databases.get(environment);
    if (known !== undefined) return known;
    const database = openStore<Uint8Array, string>({
      path: environmentFile(folder, environment),
      encoding: "binary",
      pageSize: PAGE_BYTES,
      mapSize: MAP_BYTES,
      maxDbs: 1,
      eventTurnBatching: false,
    });
    this.#databases.set(environment, database);
    return database;
  }
}

async function putFiles(folder: string, added: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, text] of Object.entries(added)) {
    await writeFile(join(folder, name), text, { mode: 0o600, flush: true });
  }
}

/** Gives the folder its name, once all in it will last. */
async function place(partial: string, folder: string): Promise<void> {
  await flush(partial);
  if (existsSync(folder)) await rmdir(folder);
  await rename(partial, folder);
  await flush(dirname(folder));
}

async function flush(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function damaged(path: string, what: string): RuntimeError {
  const text = `${path} is damaged: ${what}. Nothing was restored; take another backup.`;
  return new RuntimeError("DATA_DAMAGED", text);
}
