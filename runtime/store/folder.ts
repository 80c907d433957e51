// The data folder: one owner process at a time, private to its user, and refused when it holds
// something else or was written by a newer version.

import { randomUUID } from "node:crypto";
import {
  chmodSync,
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { SHARDS } from "../address.ts";
import { RuntimeError } from "../errors.ts";
import { decode } from "./codec.ts";
import { removeFresh } from "./fresh-files.ts";
import { inspectFile } from "./inspect-file.ts";
import type { Environment } from "./store.ts";

/**
 * Format of keys and rows. A folder of a newer one is refused, one of an older one is upgraded by its next
 * start (upgrade.ts).
 */
export const FOLDER_FORMAT = 4;
/** Those before were never released. */
const FORMAT_OLDEST = 3;

/** The header row of an environment. */
export interface Header {
  readonly format: number;
  readonly shards: number;
  readonly environment: Environment;
  /** How often the environment was opened for writing. */
  readonly boots: number;
  /** Environments whose files lie beside it, from the moment they did; absent for none. */
  readonly beside?: readonly Environment[];
  /** What it was upgraded from, in order; absent: it was made in this format. */
  readonly upgraded?: readonly { readonly from: number; readonly atMs: number }[];
  /** Whether what is a tenant's is sealed, from the first row on; absent: it is not. */
  readonly sealed?: boolean;
}

/** A data folder this process owns. */
export interface Folder {
  readonly path: string;
  /** Gives it up. The storage threads must have ended. */
  release(): void;
}

/** Whether an environment with this header is upgraded before it is used. */
export function needsUpgrade(stored: Uint8Array | undefined): boolean {
  return stored !== undefined && (decode(stored) as Header).format < FOLDER_FORMAT;
}

/** Who holds the lock. A process id alone would be taken over by the next process with that number. */
interface Owner {
  readonly pid: number;
  /** Changes with every start of the machine; "" where there is none. */
  readonly boot: string;
  /** When the process started, in clock ticks since boot; "" where unknown. */
  readonly started: string;
  readonly token: string;
}

const LOCK = "lock";
const MODE_PRIVATE = 0o700;
const FILES = ["hot.mdb", "bulk.mdb"];
const TAKEOVERS_MAX = 5;
const REFUSALS: Readonly<Record<string, string>> = {
  EEXIST: "it is a file; give a folder",
  ENOTDIR: "a part of its path is a file; give a folder",
  ENOENT: "nothing can be made there; give another folder",
  EACCES: "this user may not read and write it; change its owner, or give another folder",
  EPERM: "it belongs to another user; change its owner, or give another folder",
  EROFS: "its file system is read-only; make it writable, or give another folder",
};
/**
 * Time to look for damage in each file after a life that did not end by itself: damage may be why.
 * Some 100 MB are looked through in it.
 */
const INSPECTION_MS = 250;
/** In the place of an owner when damage was found: nobody's, so that the next start looks again. */
const NOBODY: Owner = { pid: 0, boot: "damaged", started: "", token: "damaged" };

/**
 * Takes the data folder for this process; creates it when missing (mode 0700).
 * @throws RuntimeError DATA_LOCKED when another process owns it, FOREIGN_DATA when it holds
 *   something that is not ours, DATA_DAMAGED when what it holds is, DATA_UNUSABLE when it is no
 *   folder or may not be written, STORE_FULL when not even a lock fits on the disk.
 */
export function openFolder(path: string): Folder {
  try {
    return open(path);
  } catch (error) {
    throw unusable(path, error);
  }
}

function open(path: string): Folder {
  makeFolder(path);
  const names = readdirSync(path);
  checkContent(path, names);
  chmodSync(path, MODE_PRIVATE);
  const owner = ownerHere();
  const lock = join(path, LOCK);
  const last = takeLock(path, owner);
  const release = (): void => {
    if (readOwner(lock)?.token === owner.token) rmSync(lock);
  };
  try {
    removeFresh(path);
    for (const name of FILES) {
      if (!names.includes(name)) continue;
      const treeMs = last === "released" ? 0 : INSPECTION_MS;
      inspectFile(join(path, name), { treeMs, mayHaveLostPower: last === "rebooted" });
    }
  } catch (error) {
    if (last !== "released") writeFileSync(lock, JSON.stringify(NOBODY));
    else release();
    throw error;
  }
  return { path, release };
}

/**
 * Node's recursive mkdir never ends where nothing can be made below a folder that is there, as in /proc: it
 * makes the parent and tries again. So each level is made here, once.
 */
function makeFolder(path: string): void {
  const parent = dirname(path);
  try {
    mkdirSync(path, { mode: MODE_PRIVATE });
  } catch (error) {
    if (codeOf(error) === "EEXIST" && statSync(path).isDirectory()) return;
    if (codeOf(error) !== "ENOENT" || existsSync(parent)) throw error;
    makeFolder(parent);
    mkdirSync(path, { mode: MODE_PRIVATE });
  }
}

/**
 * The header to write at this start, from the stored one.
 * @param isSealed whether this process seals what is a tenant's.
 * @throws RuntimeError FOREIGN_DATA for another environment, another format, another shard count;
 *   CONFIG_INVALID when it was made the other way.
 */
export function nextHeader(
  stored: Uint8Array | undefined,
  environment: Environment,
  isSealed = false,
): Header {
  const made = isSealed ? { sealed: true } : {};
  if (stored === undefined) {
    return { format: FOLDER_FORMAT, shards: SHARDS, environment, boots: 1, ...made };
  }
  const header = readHeader(stored, environment);
  if (typeof header?.format !== "number" || header.environment !== environment) {
    throw foreign(`its ${environment} store has a header this program does not know`);
  }
  checkFormat(header.format);
  if (header.shards !== SHARDS) {
    throw foreign(`it has ${header.shards} shards; this version has ${SHARDS}`);
  }
  if ((header.sealed ?? false) !== isSealed) throw madeOtherwise(isSealed);
  const { boots = 0, beside, upgraded } = header;
  const next = { format: FOLDER_FORMAT, shards: SHARDS, environment, boots: boots + 1, ...made };
  const known = { ...next, ...(upgraded && { upgraded }) };
  return beside === undefined ? known : { ...known, beside };
}

/** @throws FOREIGN_DATA, with what to do. */
function checkFormat(format: number): void {
  const span = `this version reads ${FORMAT_OLDEST} to ${FOLDER_FORMAT}`;
  if (format > FOLDER_FORMAT) {
    const fix =
      "start the newer version that wrote it, or restore a backup of before into a new folder";
    throw foreign(`it has format ${format}, ${span}: ${fix} (troupe restore FILE --to FOLDER)`);
  }
  if (format < FORMAT_OLDEST)
    throw foreign(`it has format ${format}, which was never released; ${span}`);
}

function madeOtherwise(isSealed: boolean): RuntimeError {
  const text = isSealed
    ? "The data folder was made without encryption, which counts from its first row on: set encryption: off, or give a new folder."
    : "The data folder was made with encryption: on; set it again.";
  return new RuntimeError("CONFIG_INVALID", text);
}

/**
 * Before other environments are opened, which makes the files of those that are missing.
 * @throws RuntimeError DATA_DAMAGED when one was there before: a folder that was copied in part.
 */
export function checkBeside(path: string, { environment, beside = [] }: Header): void {
  const gone = beside.find((other) => !existsSync(join(path, `${other}.mdb`)));
  if (gone === undefined) return;
  const text = `The data folder ${path} is damaged: its ${gone}.mdb, which lay beside ${environment}.mdb, is missing. Put it back, or a whole copy from before in the folder's place.`;
  throw new RuntimeError("DATA_DAMAGED", text);
}

/** The header that says that these files lie beside it. First their names are made to last. */
export function withBeside(path: string, header: Header, beside: readonly Environment[]): Header {
  if (beside.every((other) => header.beside?.includes(other))) return header;
  const folder = openSync(path, "r");
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
  return { ...header, beside: [...new Set([...(header.beside ?? []), ...beside])] };
}

function readHeader(stored: Uint8Array, environment: Environment): Partial<Header> | null {
  try {
    return decode(stored) as Partial<Header> | null;
  } catch (cause) {
    const text = `its ${environment} store was written by another version, whose rows this one cannot read`;
    throw foreign(text, cause);
  }
}

function checkContent(path: string, names: readonly string[]): void {
  const isOurs = names.some((name) => name === "hot.mdb" || name.startsWith(LOCK));
  if (names.length > 0 && !isOurs) {
    throw foreign(`${path} is not empty and has no hot.mdb; give an empty or a new folder`);
  }
  if (names.includes("bulk.mdb") && !names.includes("hot.mdb")) {
    const message = `The data folder ${path} is damaged: it has a bulk.mdb and no hot.mdb. Put a copy from before in its place.`;
    throw new RuntimeError("DATA_DAMAGED", message);
  }
}

/** How the last owner ended: it gave its lock up, or left it when it or the machine was cut. */
type LastEnd = "released" | "killed" | "rebooted";

function takeLock(path: string, owner: Owner): LastEnd {
  const lock = join(path, LOCK);
  let last: LastEnd = "released";
  const mine = join(path, `${LOCK}.${owner.token}`);
  writeFileSync(mine, JSON.stringify(owner), { mode: 0o600, flush: true });
  try {
    for (let attempt = 0; attempt < TAKEOVERS_MAX; attempt += 1) {
      if (tryLink(mine, lock)) return last;
      const held = readOwner(lock);
      if (held !== undefined && isAlive(held)) throw locked(path, held);
      last = held?.boot === owner.boot || held?.token === NOBODY.token ? "killed" : "rebooted";
      moveStaleAway(lock, held, `${mine}.stale`);
    }
    throw locked(path, readOwner(lock));
  } finally {
    rmSync(mine, { force: true });
  }
}

/** Linking is atomic and fails when the name exists. */
function tryLink(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    throw error;
  }
}

/** Of two processes that find the same stale lock, one may move the other's fresh one: it goes back. */
function moveStaleAway(lock: string, judged: Owner | undefined, away: string): void {
  try {
    renameSync(lock, away);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return;
    throw error;
  }
  if (readOwner(away)?.token !== judged?.token) tryLink(away, lock);
  rmSync(away, { force: true });
}

/** The process that has a data folder open; null for none, also where a killed one left its lock. */
export function ownerOf(path: string): { readonly pid: number } | null {
  const owner = readOwner(join(path, LOCK));
  return owner !== undefined && isAlive(owner) ? { pid: owner.pid } : null;
}

function readOwner(lock: string): Owner | undefined {
  try {
    return JSON.parse(readFileSync(lock, "utf8")) as Owner;
  } catch (error) {
    if (codeOf(error) === "ENOENT" || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function ownerHere(): Owner {
  return {
    pid: process.pid,
    boot: bootId(),
    started: startedAt(process.pid),
    token: randomUUID(),
  };
}

function isAlive(owner: Owner): boolean {
  if (owner.boot !== bootId()) return false;
  try {
    process.kill(owner.pid, 0);
  } catch (error) {
    if (codeOf(error) === "ESRCH") return false;
  }
  return owner.started === "" || owner.started === startedAt(owner.pid);
}

/** Changes with every start of the machine; "" where there is none. */
export function bootId(): string {
  return readSystem("/proc/sys/kernel/random/boot_id").trim();
}

/**
 * Field 22 of /proc/PID/stat, "" for a process that has ended and only waits for its parent. The
 * name in field 2 may hold spaces, so fields count from its end.
 */
function startedAt(pid: number): string {
  const stat = readSystem(`/proc/${pid}/stat`);
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return fields[0] === "Z" || fields[0] === "X" ? "" : (fields[19] ?? "");
}

function readSystem(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    // Not Linux, or the process has gone: the process id alone decides.
    return "";
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}

function locked(path: string, owner: Owner | undefined): RuntimeError {
  const who = owner === undefined ? "another process" : `process ${owner.pid}`;
  return new RuntimeError("DATA_LOCKED", `The data folder ${path} is in use by ${who}.`);
}

function foreign(what: string, cause?: unknown): RuntimeError {
  const message = `The data folder is not used: ${what}.`;
  return new RuntimeError("FOREIGN_DATA", message, undefined, { cause });
}

/** What the file system refused, in words of what to do. */
function unusable(path: string, error: unknown): unknown {
  const code = codeOf(error);
  if (error instanceof RuntimeError || typeof code !== "string") return error;
  if (code === "ENOSPC" || code === "EDQUOT") {
    const text = `There is no room on the disk of the data folder ${path}: make some and start again.`;
    return new RuntimeError("STORE_FULL", text, undefined, { cause: error });
  }
  const why = REFUSALS[code] ?? `the system says ${code}; give another folder`;
  return new RuntimeError(
    "DATA_UNUSABLE",
    `${path} cannot be the data folder: ${why}.`,
    undefined,
    {
      cause: error,
    },
  );
}
