// Keys of tenants, each wrapped under the master key in a small file of its own. Not in the database,
// which leaves old pages, and in no backup: a file can be overwritten, and what is sealed under a key that
// is gone stays sealed, wherever copies of it lie. Every thread reads them; main alone destroys them.

import { createHash, randomBytes } from "node:crypto";
import {
  closeSync,
  fstatSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { RuntimeError } from "../../runtime/errors.ts";
import { KEY_BYTES, type MasterKeys } from "./master-keys.ts";

/** Folder of the tenants' keys in the data folder, unless another is set. */
export const TENANT_KEYS = "tenant-keys";

const FOLDER_MODE = 0o700;
const FILE_MODE = 0o600;
/** Says that a tenant's key was destroyed: it stays, so that none is made again. */
const DESTROYED = ".destroyed";
/** Ends the name of a file that says that a tenant's key is missing while something lies sealed under it. */
export const LOST = ".lost";
/** A version of a file that is just being written, and one that is just being overwritten. */
const FRESH = ".new";
const OLD = ".old";
const SHAPE = /^([0-9a-f]{8}):([A-Za-z0-9_-]+)\n$/;

/** Keys of tenants in a folder. All of it is done when it returns, and on the disk. */
export interface TenantKeys {
  /** The tenant's key; null when there is none. @throws SECRET_UNREADABLE: see `MasterKeys.unwrap`. */
  read(tenant: string): Buffer | null;
  /**
   * The tenant's key, made when there never was one; null when it was destroyed.
   * @throws as `read`, also when it is lost; STORE_FULL, STORE_FAILED when it cannot be written.
   */
  make(tenant: string): Buffer | null;
  /** Overwrites and removes the key. Whoever has read it must be told to forget it. */
  destroy(tenant: string): void;
  isDestroyed(tenant: string): boolean;
  /** Tenants whose keys were destroyed. */
  destroyed(): readonly string[];
  /**
   * Those of these tenants, of which something is sealed, whose key is neither there nor destroyed. From now
   * on `make` refuses them, and them alone.
   */
  lost(sealed: AsyncIterable<string>): Promise<readonly string[]>;
  /** Wraps anew what is not wrapped under the current master key; what cannot be read stays. */
  rewrap(): { readonly changed: number; readonly unreadable: number };
}

/** @param folder is made with the first key. */
export function createTenantKeys(folder: string, masterKeys: MasterKeys): TenantKeys {
  const pathOf = (tenant: string): string => join(folder, nameOf(tenant));
  const isDestroyed = (tenant: string): boolean => textOf(`${pathOf(tenant)}${DESTROYED}`) !== null;
  const read = (tenant: string): Buffer | null => {
    const text = textOf(pathOf(tenant));
    return text === null ? null : unwrapped(masterKeys, tenant, text);
  };
  const lineOf = (tenant: string, key: Uint8Array): string => {
    const { id, bytes } = masterKeys.wrap(key, contextOf(tenant));
    return `${id}:${bytes.toString("base64url")}\n`;
  };
  const rewrapOne = (name: string): "same" | "changed" | "unreadable" => {
    const path = join(folder, name);
    const text = textOf(path);
    if (text === null || text.startsWith(`${masterKeys.currentId}:`)) return "same";
    try {
      replace(path, lineOf(name, unwrapped(masterKeys, name, text)));
      return "changed";
    } catch (error) {
      if (error instanceof RuntimeError && error.code === "SECRET_UNREADABLE") return "unreadable";
      throw error;
    }
  };
  return {
    read,
    isDestroyed,
    make: (tenant) => {
      const known = read(tenant);
      if (known !== null || isDestroyed(tenant)) return known;
      if (textOf(`${pathOf(tenant)}${LOST}`) !== null) throw lostKey(tenant, folder);
      stored(() => writeNew(pathOf(tenant), lineOf(tenant, randomBytes(KEY_BYTES))));
      // Another thread may have been faster: its key counts.
      return read(tenant);
    },
    destroy: (tenant) => {
      const path = pathOf(tenant);
      makeFolder(folder);
      // First: cut here, the next start finds it and goes on.
      closeSync(openSync(`${path}${DESTROYED}`, "w", FILE_MODE));
      syncFolder(folder);
      for (const one of [path, `${path}${FRESH}`, `${path}${OLD}`]) erase(one);
      syncFolder(folder);
    },
    lost: async (sealed) => {
      const names = new Set(namesIn(folder));
      const found: string[] = [];
      for await (const tenant of sealed) {
        const name = nameOf(tenant);
        if (!names.has(name) && !names.has(`${name}${DESTROYED}`)) found.push(tenant);
      }
      markLost(folder, names, new Set(found.map((tenant) => `${nameOf(tenant)}${LOST}`)));
      return found;
    },
    destroyed: () =>
      namesIn(folder).flatMap((name) =>
        name.endsWith(DESTROYED) ? [name.slice(0, -DESTROYED.length)] : [],
      ),
    rewrap: () => {
      const done = { changed: 0, unreadable: 0 };
      for (const name of namesIn(folder)) {
        if (name.endsWith(OLD)) erase(join(folder, name));
        if (name.includes(".")) continue;
        const how = rewrapOne(name);
        if (how !== "same") done[how] += 1;
      }
      return done;
    },
  };
}

function markLost(folder: string, names: ReadonlySet<string>, lost: ReadonlySet<string>): void {
  for (const name of names) {
    if (name.endsWith(LOST) && !lost.has(name)) rmSync(join(folder, name), { force: true });
  }
  for (const name of lost) {
    if (!names.has(name)) closeSync(openSync(join(folder, name), "w", FILE_MODE));
  }
  if (lost.size > 0) syncFolder(folder);
}

function lostKey(tenant: string, folder: string): RuntimeError {
  const what = `The key of the tenant ${tenant} is missing in ${folder}, and what it has is sealed under it: put the key back.`;
  return new RuntimeError("SECRET_UNREADABLE", what);
}

/** A tenant's id is its file's name; what could not be one is not. */
function nameOf(tenant: string): string {
  if (/^[A-Za-z0-9_-]{1,64}$/.test(tenant)) return tenant;
  return `h-${createHash("sha256").update(tenant).digest("hex").slice(0, 60)}`;
}

/** What a wrapped key is bound to: by its file's name, which a rotation knows too. */
function contextOf(tenant: string): Buffer {
  return Buffer.from(`troupe tenant key\0${nameOf(tenant)}`);
}

function unwrapped(masterKeys: MasterKeys, tenant: string, text: string): Buffer {
  const [, id, wrapped] = SHAPE.exec(text) ?? [];
  if (id === undefined || wrapped === undefined) {
    const what = `The file ${nameOf(tenant)} among the keys of tenants is not one of these keys.`;
    throw new RuntimeError("SECRET_UNREADABLE", what);
  }
  return masterKeys.unwrap(id, Buffer.from(wrapped, "base64url"), contextOf(tenant));
}

function textOf(path: string): string | null {
  try {
    return readFileSync(path, "latin1");
  } catch (error) {
    if (codeOf(error) === "ENOENT") return null;
    throw error;
  }
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return [];
    throw error;
  }
}

function makeFolder(folder: string): void {
  if (mkdirSync(folder, { recursive: true, mode: FOLDER_MODE }) !== undefined) {
    syncFolder(dirname(folder));
  }
}

/** Gives a file its name when it is whole; leaves one that has the name already. */
function writeNew(path: string, text: string): void {
  makeFolder(dirname(path));
  const fresh = `${path}.${randomBytes(6).toString("hex")}${FRESH}`;
  try {
    writeWhole(fresh, text);
    linkSync(fresh, path);
    syncFolder(dirname(path));
  } catch (error) {
    if (codeOf(error) !== "EEXIST") throw error;
  } finally {
    rmSync(fresh, { force: true });
  }
}

/** Puts another text in a file's place; then what was there is overwritten. */
function replace(path: string, text: string): void {
  rmSync(`${path}${FRESH}`, { force: true });
  writeWhole(`${path}${FRESH}`, text);
  rmSync(`${path}${OLD}`, { force: true });
  linkSync(path, `${path}${OLD}`);
  renameSync(`${path}${FRESH}`, path);
  syncFolder(dirname(path));
  erase(`${path}${OLD}`);
}

function writeWhole(path: string, text: string): void {
  const file = openSync(path, "wx", FILE_MODE);
  try {
    writeSync(file, text, 0, "latin1");
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** Overwrites a file where it lies and removes it. */
function erase(path: string): void {
  let file: number;
  try {
    file = openSync(path, "r+");
  } catch (error) {
    if (codeOf(error) === "ENOENT") return;
    throw error;
  }
  try {
    const { size } = fstatSync(file);
    writeSync(file, randomBytes(size), 0, size, 0);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  rmSync(path, { force: true });
}

function syncFolder(folder: string): void {
  const descriptor = openSync(folder, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

const codeOf = (error: unknown): unknown =>
  error instanceof Error && "code" in error ? error.code : undefined;

function stored(write: () => void): void {
  try {
    write();
  } catch (error) {
    throw refusal(error);
  }
}

/** What the file system refuses, as the store says it. */
function refusal(cause: unknown): RuntimeError {
  const code = codeOf(cause);
  if (code === "ENOSPC" || code === "EDQUOT") {
    const text = "The disk has no room for the key of a new tenant.";
    return new RuntimeError("STORE_FULL", text, {}, { cause });
  }
  const text = `The key of a new tenant cannot be stored (${String(code)}).`;
  return new RuntimeError("STORE_FAILED", text, {}, { cause });
}
