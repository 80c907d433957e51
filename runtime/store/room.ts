// Room on the disk, as the storage thread sees it. What LMDB is about to write is written ahead as
// zeros, so that a full disk shows here and not inside of LMDB: its binding prints a failed write into
// a buffer that is too small for it, and the process may die of that.

import { closeSync, openSync, statSync, writeSync } from "node:fs";
import { RuntimeError } from "../errors.ts";
import { keys } from "./keys.ts";
import { PAGE_BYTES } from "./lmdb.ts";
import type { RootDatabase } from "./lmdb-library.ts";

/** Rows as they are about to be written; undefined removes. */
export type Staged = ReadonlyMap<string, Uint8Array | undefined>;

/** What the system says of a full disk, a quota, a limit of the file's size. */
const FULL_CODES = ["ENOSPC", "EDQUOT", "EFBIG"];
/** What LMDB says when a write failed all the same. */
const FULL = /MDB_MAP_FULL|No space left|Disk quota|File too large/;
const FAILED = /Input\/output error|Read-only file system/;
/** Written ahead at least, so that it is seldom done. */
const AHEAD_BYTES = 1024 * 1024;
const ZEROS = new Uint8Array(AHEAD_BYTES);
/** Pages that a transaction changes beside those of its rows: the list of free ones. */
const PAGES_BESIDE = 16;
/** Bytes of values that lie on pages of their own are rounded up to them. */
const ROUNDING = 2;

/** The room of one environment. */
export interface RoomOptions {
  readonly name: string;
  readonly file: string;
  /** Bytes of rows it may hold. */
  readonly mapBytes: number;
}

/** Pages as LMDB counts them. */
interface Pages {
  /** All up to the last one in use. */
  readonly all: number;
  /** With rows, or the list of those without. */
  readonly used: number;
  readonly depth: number;
}

/** Judges whether rows find room, and makes sure of it. */
export class Room {
  readonly #options: RoomOptions;
  readonly #database: RootDatabase<Uint8Array, string>;
  /** Bytes at the end of the file that are certainly not in use. */
  #leftBytes = 0;
  #pages: Pages = { all: 2, used: 2, depth: 1 };

  constructor(options: RoomOptions, database: RootDatabase<Uint8Array, string>) {
    this.#options = options;
    this.#database = database;
  }

  /**
   * Why these rows may not be written: the store is as large as it may be, or the disk is full or
   * fails. Then there is still room for what fits where rows were removed: the file never shrinks.
   */
  refusal(staged: Staged): RuntimeError | undefined {
    const most = this.#mostBytes(staged);
    if (most <= this.#leftBytes) {
      this.#leftBytes -= most;
      return undefined;
    }
    // What was used is less than what might have been.
    this.#pages = this.#count();
    const needed = this.#mostBytes(staged);
    const end = this.#pages.all * PAGE_BYTES;
    const free = end - this.#pages.used * PAGE_BYTES;
    const { name, mapBytes } = this.#options;
    if (end >= mapBytes && free < needed && addsRows(staged)) {
      return full(`The ${name} store has reached its limit of ${mapBytes} bytes.`);
    }
    const grown = this.#growTo(end + needed);
    const left = grown.bytes - end;
    this.#leftBytes = Math.max(0, left - needed);
    if (left >= needed || free + left >= needed) return undefined;
    return grown.trouble;
  }

  /** What it means that LMDB could not write; undefined when it is not the disk. */
  trouble(cause: unknown): RuntimeError | undefined {
    this.#leftBytes = 0;
    const isFull = FULL.exec(String(cause));
    const found = isFull ?? FAILED.exec(String(cause));
    if (found === null) return undefined;
    return this.#refused(isFull !== null, found[0], cause);
  }

  /** Bytes that these rows may take at most: every page above each of them is written anew. */
  #mostBytes(staged: Staged): number {
    const { used, depth } = this.#pages;
    let bytes = 0;
    for (const [key, value] of staged) bytes += key.length + (value?.length ?? 0);
    const pages = Math.min(staged.size * (depth + 1), used) + PAGES_BESIDE;
    return pages * PAGE_BYTES + ROUNDING * bytes;
  }

  #count(): Pages {
    const stats = this.#database.getStats() as Stats;
    const used = 2 + pagesOf(stats) + pagesOf(stats.free);
    return { all: stats.lastPageNumber + 1, used, depth: stats.treeDepth };
  }

  /** Writes zeros behind the file until it has so many bytes, and some more up to its limit. */
  #growTo(least: number): { readonly bytes: number; readonly trouble?: RuntimeError } {
    const { file, mapBytes } = this.#options;
    let bytes = statSync(file).size;
    if (bytes >= least) return { bytes };
    const descriptor = openSync(file, "r+");
    try {
      while (bytes < least) {
        const piece = Math.min(AHEAD_BYTES, Math.max(least, mapBytes) - bytes);
        bytes += writeSync(descriptor, ZEROS, 0, piece, bytes);
      }
      return { bytes };
    } catch (error) {
      const code = error instanceof Error && "code" in error ? String(error.code) : "";
      const trouble = this.#refused(FULL_CODES.includes(code), code, error);
      return { bytes: statSync(file).size, trouble };
    } finally {
      closeSync(descriptor);
    }
  }

  #refused(isFull: boolean, words: string, cause: unknown): RuntimeError {
    const why = isFull ? "there is no room on its disk" : "its disk fails";
    const message = `The ${this.#options.name} store could not be written, ${why} (${words}).`;
    const code = isFull ? "STORE_FULL" : "STORE_FAILED";
    return new RuntimeError(code, message, { index: -1 }, { cause });
  }
}

interface Tree {
  readonly treeBranchPageCount: number;
  readonly treeLeafPageCount: number;
  readonly overflowPages: number;
}

interface Stats extends Tree {
  readonly treeDepth: number;
  readonly lastPageNumber: number;
  readonly free: Tree;
}

function pagesOf({ treeBranchPageCount, treeLeafPageCount, overflowPages }: Tree): number {
  return treeBranchPageCount + treeLeafPageCount + overflowPages;
}

function full(message: string): RuntimeError {
  return new RuntimeError("STORE_FULL", message, { index: -1 });
}

/** What is counted of them is written with removals too. */
function addsRows(staged: Staged): boolean {
  for (const [key, value] of staged) {
    if (value !== undefined && !key.startsWith(keys.bytesOfTenants)) return true;
  }
  return false;
}

/** lmdb-js puts the cause of a failed commit into a second promise. */
export async function causeOf(error: unknown): Promise<unknown> {
  if (!(error instanceof Error) || !("commitError" in error)) return error;
  return Promise.resolve(error.commitError).then(
    () => error,
    (cause: unknown) => cause,
  );
}
