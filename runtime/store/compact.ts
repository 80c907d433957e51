// Copies the environments of a data folder row by row into fresh files and puts those in their place.
// LMDB leaves what was removed in free pages and in the gaps of pages in use, and its own compaction
// copies the gaps: only rows that are written into a new file leave nothing behind. The rows of tenants
// that are being removed are not copied, whether their removal had got to them or not.

import { createHash, type Hash } from "node:crypto";
import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
} from "node:fs";
import { setImmediate as pass } from "node:timers/promises";
import { RuntimeError } from "../errors.ts";
import { decode, encode } from "./codec.ts";
import { CopiedCount } from "./copied-count.ts";
import { openFolder } from "./folder.ts";
import { freshFile, removeFresh } from "./fresh-files.ts";
import { keys, prefixRange } from "./keys.ts";
import { environmentFile, PAGE_BYTES, READERS_MAX, readRange } from "./lmdb.ts";
import { open, type RootDatabase } from "./lmdb-library.ts";
import { rowSeals, type ValueSeals } from "./sealed-rows.ts";
import type { Sealer } from "./sealer.ts";
import type { Environment, Row } from "./store.ts";
import { tenantOfKey } from "./tenant-rows.ts";

/** What was copied of one environment. */
export interface Compacted {
  readonly environment: Environment;
  readonly rows: number;
  /** Rows of removed tenants, and of others that were left out. */
  readonly dropped: number;
  readonly bytesBefore: number;
  readonly bytesAfter: number;
}

/** What a compaction came to. */
export interface Compaction {
  readonly environments: readonly Compacted[];
  /** Tenants of which nothing is left in the rows. */
  readonly removed: readonly string[];
}

/** How a folder is compacted. */
export interface CompactOptions {
  /** Of a folder that is sealed: opens and seals what `rewrite` is given. Other rows are copied sealed. */
  readonly sealer?: Sealer | undefined;
  /** Called first, with rows of `hot` as they are: what decides about rows that come before it. */
  readonly look?: (rows: RowsOf, removed: Removed) => Promise<void>;
  /** Called when the copies are made, before they take their places: what lies elsewhere goes. */
  readonly before?: (removed: Removed) => Promise<void>;
  /**
   * A row that is no removed tenant's own, as it is to be stored: the same value, another one, or null
   * to leave it out. Called for the rows of `table` of the tenant `system` alone.
   */
  readonly rewrite?: {
    readonly system: string;
    readonly row: (table: string, id: string, value: unknown, removed: Removed) => Rewritten;
  };
}

/** Rows from a key up to another one, in order. */
export type RowsOf = (from: string, to: string) => AsyncIterable<Row>;

/** Tenants that are being removed. */
export type Removed = ReadonlySet<string>;

/** `keep` leaves the bytes as they are. */
export type Rewritten = "keep" | "drop" | { readonly value: Uint8Array };

const PAGE_ROWS = 500;
/** Bytes of one transaction. */
const TRANSACTION_BYTES = 16 * 1024 * 1024;
const MAP_BYTES = 256 * 1024 ** 3;
/** Room on the disk beside the bytes of the files. */
const ROOM_BYTES = 16 * 1024 * 1024;
/** First what nobody names as removed: `hot`, which says that a removal is over, takes its place last. */
const ENVIRONMENTS = ["bulk", "hot"] as const satisfies readonly Environment[];

/**
 * Compacts a folder that no process has open. A crash at any point leaves, of each file, the old one or
 * the new one whole: both hold the same rows but for those of removed tenants, so any two fit together.
 * @throws NOT_FOUND when there is no data folder, DATA_LOCKED when a server has it, STORE_FULL when the
 *   copies find no room, DATA_DAMAGED when what was copied cannot be read back as it was.
 */
export async function compactFolder(
  path: string,
  options: CompactOptions = {},
): Promise<Compaction> {
  if (!existsSync(environmentFile(path, "hot"))) {
    throw new RuntimeError("NOT_FOUND", `There is no data folder at ${path}.`);
  }
  const folder = openFolder(path);
  try {
    const there = ENVIRONMENTS.filter((one) => existsSync(environmentFile(path, one)));
    checkRoom(path, there);
    const hot = openForReading(path, "hot");
    const removed = await tenantsRemoved(hot);
    const seals = options.sealer && rowSeals(options.sealer, "hot");
    await options.look?.((from, to) => openedRows(rowsOf(hot, from, to), seals), removed);
    await hot.close();
    const environments: Compacted[] = [];
    for (const environment of there) {
      environments.push(await copy(path, environment, { ...options, removed }));
    }
    await options.before?.(removed);
    for (const environment of there) putInPlace(path, environment);
    return { environments, removed: [...removed] };
  } finally {
    removeFresh(path);
    folder.release();
  }
}

async function* openedRows(
  rows: AsyncIterable<Row>,
  seals: ValueSeals | undefined,
): AsyncGenerator<Row> {
  for await (const { key, value } of rows) yield { key, value: seals?.open(key, value) ?? value };
}

/** Tenants that are being removed, as the folder says. */
async function tenantsRemoved(database: Database): Promise<ReadonlySet<string>> {
  const removed = new Set<string>();
  const { from, to } = prefixRange(keys.suspendedTenants, 1);
  for await (const { key, value } of rowsOf(database, from, to)) {
    const { state } = decode(value) as { readonly state: string };
    if (state === "removing") removed.add(key.slice(keys.suspendedTenants.length));
  }
  return removed;
}

type Database = RootDatabase<Uint8Array, string>;

function openForReading(path: string, environment: Environment): Database {
  return open<Uint8Array, string>({
    path: environmentFile(path, environment),
    encoding: "binary",
    readOnly: true,
    maxReaders: READERS_MAX,
  });
}

/** Every row of an environment, in order, a page at a time. */
async function* rowsOf(database: Database, first = " ", to = "~~"): AsyncGenerator<Row> {
  for (let from = first; ; ) {
    const rows = readRange(database, { from, to, limit: PAGE_ROWS });
    yield* rows;
    const last = rows.at(-1);
    if (last === undefined || rows.length < PAGE_ROWS) return;
    from = `${last.key} `;
    await pass();
    database.resetReadTxn();
  }
}

interface CopyOptions extends CompactOptions {
  readonly removed: Removed;
}

async function copy(
  path: string,
  environment: Environment,
  options: CopyOptions,
): Promise<Compacted> {
  const file = environmentFile(path, environment);
  const source = openForReading(path, environment);
  const target = open<Uint8Array, string>({
    path: freshFile(file),
    encoding: "binary",
    pageSize: PAGE_BYTES,
    mapSize: MAP_BYTES,
    maxDbs: 1,
    // All of it is made to last at once, before it takes its place.
    noSync: true,
  });
  const written = new Written(target);
  const count = new CopiedCount(environment, options.rewrite?.system);
  let dropped = 0;
  try {
    for await (const row of rowsOf(source)) {
      if (count.takes(row)) continue;
      const value = kept(environment, row, options);
      if (value === null) dropped += 1;
      else written.add(row.key, value);
      count.copied(row, value);
    }
    if (count.last !== null) written.addLast(count.last);
    written.flush();
    await target.close();
    await source.close();
    await verify(path, environment, written);
  } catch (error) {
    await Promise.allSettled([target.close(), source.close()]);
    throw error;
  }
  const bytesBefore = statSync(file).size;
  const bytesAfter = statSync(freshFile(file)).size;
  return { environment, rows: written.rows, dropped, bytesBefore, bytesAfter };
}

/** What a row is stored as; null when it is left out. */
function kept(
  environment: Environment,
  { key, value }: Row,
  { removed, rewrite, sealer }: CopyOptions,
): Uint8Array | null {
  const tenant = tenantOfKey(environment, key);
  if (tenant !== null && removed.has(tenant)) {
    // Its name is not given again: that nothing is left of it is all that is.
    return key === keys.suspended(tenant) ? encode({ state: "gone" }) : null;
  }
  if (environment === "bulk" || tenant === null || tenant !== rewrite?.system) return value;
  if (!key.startsWith("t/")) return value;
  const [, , table = ""] = key.split("/", 3);
  const id = key.slice(keys.tableOf(tenant, table).length);
  const seals = sealer && rowSeals(sealer, environment);
  const after = rewrite.row(table, id, decode(seals?.open(key, value) ?? value), removed);
  if (after === "keep") return value;
  if (after === "drop") return null;
  return seals?.sealValue(key, after.value) ?? after.value;
}

/** Rows on their way into a fresh file, in order: pages are filled one after the other. */
class Written {
  readonly #database: Database;
  readonly #hash = createHash("sha256");
  #rows: Row[] = [];
  #bytes = 0;
  rows = 0;
  /** Of the row that was added last, out of its order. */
  lastKey: string | undefined;

  constructor(database: Database) {
    this.#database = database;
  }

  add(key: string, value: Uint8Array): void {
    this.rows += 1;
    addTo(this.#hash, key, value);
    this.#rows.push({ key, value });
    this.#bytes += value.length;
    if (this.#bytes >= TRANSACTION_BYTES || this.#rows.length >= PAGE_ROWS * 20) this.flush();
  }

  /** A row that lies before those that were added. */
  addLast({ key, value }: Row): void {
    this.flush();
    this.rows += 1;
    addTo(this.#hash, key, value);
    this.lastKey = key;
    this.#database.transactionSync(() => this.#database.putSync(key, value));
  }

  flush(): void {
    const rows = this.#rows;
    this.#rows = [];
    this.#bytes = 0;
    this.#database.transactionSync(() => {
      for (const { key, value } of rows) this.#database.putSync(key, value, { append: true });
    });
  }

  digest(): string {
    return this.#hash.digest("hex");
  }
}

function addTo(hash: Hash, key: string, value: Uint8Array): void {
  hash.update(`${key.length}:${value.length}:${key}`);
  hash.update(value);
}

/** Reads the fresh file back: as many rows, and the same ones. Then it is made to last. */
async function verify(path: string, environment: Environment, written: Written): Promise<void> {
  const file = freshFile(environmentFile(path, environment));
  const fresh = open<Uint8Array, string>({ path: file, encoding: "binary", readOnly: true });
  const hash = createHash("sha256");
  let rows = 0;
  let last: Row | undefined;
  for await (const row of rowsOf(fresh)) {
    rows += 1;
    if (row.key === written.lastKey) last = row;
    else addTo(hash, row.key, row.value);
  }
  if (last !== undefined) addTo(hash, last.key, last.value);
  await fresh.close();
  if (rows !== written.rows || hash.digest("hex") !== written.digest()) {
    throw new RuntimeError(
      "DATA_DAMAGED",
      `The copy of ${environment}.mdb does not hold what was written to it: ${rows} of ${written.rows} rows. Nothing was changed.`,
    );
  }
  sync(file);
}

function putInPlace(path: string, environment: Environment): void {
  const file = environmentFile(path, environment);
  // Who reads a file is in its lock file, by places in that very file.
  for (const lock of [`${file}-lock`, `${freshFile(file)}-lock`]) rmSync(lock, { force: true });
  renameSync(freshFile(file), file);
  sync(path);
}

function sync(path: string): void {
  const descriptor = openSync(path, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function checkRoom(path: string, environments: readonly Environment[]): void {
  const sizes = environments.map((one) => statSync(environmentFile(path, one)).size);
  const needed = sizes.reduce((sum, bytes) => sum + bytes, ROOM_BYTES);
  const { bavail, bsize } = statfsSync(path);
  if (bavail * bsize >= needed) return;
  throw new RuntimeError(
    "STORE_FULL",
    `A compaction copies the data: its disk needs ${needed} free bytes and has ${bavail * bsize}.`,
  );
}
