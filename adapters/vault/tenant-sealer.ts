// What is a tenant's, sealed under the tenant's key with AES-256-GCM: on every thread that reads or writes
// the disk. Loaded by runtime/store/sealed-rows.ts.
//
// sealed: salt (12) | number (4, big-endian) | ciphertext | tag (16)
//
// The key of a text is HMAC-SHA-256(tenant's key, salt): each life of a thread draws a salt and numbers what
// it seals, so that a nonce never comes twice under one key, however much a tenant writes. (Random nonces
// under one key would be good for 2^32 rows.)

import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  type KeyObject,
  randomBytes,
} from "node:crypto";
import { RuntimeError } from "../../runtime/errors.ts";
import type { Sealer } from "../../runtime/store/sealer.ts";
import { createMasterKeys, KEY_BYTES } from "./master-keys.ts";
import { createTenantKeys, type TenantKeys } from "./tenant-keys.ts";

/** What threads are given: where keys lie, and what they share. */
export interface TenantSealing {
  /** Folder of the wrapped keys. */
  readonly folder: string;
  /** See `emptyMasterKeys`. */
  readonly masterKeys: SharedArrayBuffer;
  /** Counts changes of keys that others must not remember: 4 bytes. */
  readonly changes: SharedArrayBuffer;
}

const SALT_BYTES = 12;
const NUMBER_BYTES = 4;
const HEAD_BYTES = SALT_BYTES + NUMBER_BYTES;
const TAG_BYTES = 16;
/** Texts sealed under one salt. */
const NUMBER_MAX = 2 ** 32 - 1;
/** Tenants whose keys a thread remembers, and lives of threads of each. */
const TENANTS_MAX = 4_096;
const SALTS_MAX = 256;

/** A tenant's keys in this thread. */
interface Known {
  readonly key: KeyObject;
  /** Keys by salt, for what is opened. */
  readonly bySalt: Map<string, KeyObject>;
  salt: Buffer;
  own: KeyObject;
  next: number;
}

/** Memory of what threads share. */
export function sharedChanges(): SharedArrayBuffer {
  return new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
}

/** Every thread forgets the keys it has read. */
export function forgetKeys(changes: SharedArrayBuffer): void {
  Atomics.add(new Int32Array(changes), 0, 1);
}

/** The sealer of a thread. @param data a `TenantSealing`. */
export function createSealer(data: unknown): Sealer {
  const { folder, masterKeys, changes } = data as TenantSealing;
  return new TenantSealer(createTenantKeys(folder, createMasterKeys(masterKeys)), changes);
}

class TenantSealer implements Sealer {
  readonly #keys: TenantKeys;
  readonly #changes: Int32Array;
  /** null: the key is destroyed. */
  readonly #known = new Map<string, Known | null>();
  #seen = 0;

  constructor(keys: TenantKeys, changes: SharedArrayBuffer) {
    this.#keys = keys;
    this.#changes = new Int32Array(changes);
  }

  seal(tenant: string, place: string, plain: Uint8Array): Uint8Array {
    // What comes too late for a tenant whose key is destroyed is sealed under one that nobody keeps.
    const known = this.#find(tenant, () => this.#keys.make(tenant)) ?? fresh();
    if (known.next > NUMBER_MAX) renew(known);
    const sealed = Buffer.allocUnsafeSlow(HEAD_BYTES + plain.length + TAG_BYTES);
    known.salt.copy(sealed);
    sealed.writeUInt32BE(known.next, SALT_BYTES);
    known.next += 1;
    const cipher = createCipheriv("aes-256-gcm", known.own, nonceOf(sealed));
    cipher.setAAD(Buffer.from(place));
    cipher.update(plain).copy(sealed, HEAD_BYTES);
    cipher.final();
    cipher.getAuthTag().copy(sealed, HEAD_BYTES + plain.length);
    return sealed;
  }

  open(tenant: string, place: string, sealed: Uint8Array): Uint8Array | undefined {
    const known = this.#find(tenant, () => this.#readable(tenant));
    if (known === null || sealed.length < HEAD_BYTES + TAG_BYTES) return undefined;
    const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength);
    const end = bytes.length - TAG_BYTES;
    const decipher = createDecipheriv("aes-256-gcm", keyOf(known, bytes), nonceOf(bytes), {
      authTagLength: TAG_BYTES,
    });
    decipher.setAAD(Buffer.from(place));
    decipher.setAuthTag(bytes.subarray(end));
    const plain = decipher.update(bytes.subarray(HEAD_BYTES, end));
    try {
      decipher.final();
      return plain;
    } catch {
      // Changed, or another place's: GCM says no more.
      return undefined;
    }
  }

  /** A key that is wrapped under an unknown master key opens nothing. */
  #readable(tenant: string): Buffer | null {
    try {
      return this.#keys.read(tenant);
    } catch (error) {
      if (error instanceof RuntimeError && error.code === "SECRET_UNREADABLE") return null;
      throw error;
    }
  }

  #find(tenant: string, read: () => Buffer | null): Known | null {
    const now = Atomics.load(this.#changes, 0);
    if (now !== this.#seen) {
      this.#seen = now;
      this.#known.clear();
    }
    const before = this.#known.get(tenant);
    if (before !== undefined) return before;
    const key = read();
    // One that is not there may be made by another thread.
    if (key === null && !this.#keys.isDestroyed(tenant)) return null;
    if (this.#known.size >= TENANTS_MAX) forgetFirst(this.#known);
    const known = key && knownOf(key);
    this.#known.set(tenant, known);
    return known;
  }
}

function knownOf(key: Buffer): Known {
  const salt = randomBytes(SALT_BYTES);
  const secret = createSecretKey(key);
  return { key: secret, bySalt: new Map(), salt, own: derived(secret, salt), next: 0 };
}

const fresh = (): Known => knownOf(randomBytes(KEY_BYTES));

function renew(known: Known): void {
  known.salt = randomBytes(SALT_BYTES);
  known.own = derived(known.key, known.salt);
  known.next = 0;
}

function keyOf(known: Known, sealed: Buffer): KeyObject {
  const salt = sealed.toString("latin1", 0, SALT_BYTES);
  const before = known.bySalt.get(salt);
  if (before !== undefined) return before;
  if (known.bySalt.size >= SALTS_MAX) forgetFirst(known.bySalt);
  const key = derived(known.key, sealed.subarray(0, SALT_BYTES));
  known.bySalt.set(salt, key);
  return key;
}

function derived(key: KeyObject, salt: Uint8Array): KeyObject {
  return createSecretKey(createHmac("sha256", key).update(salt).digest());
}

/** 12 bytes, of which the number takes the last. */
function nonceOf(sealed: Buffer): Buffer {
  const nonce = Buffer.alloc(SALT_BYTES);
  sealed.copy(nonce, SALT_BYTES - NUMBER_BYTES, SALT_BYTES, HEAD_BYTES);
  return nonce;
}

function forgetFirst(map: Map<string, unknown>): void {
  for (const first of map.keys()) {
    map.delete(first);
    return;
  }
}
