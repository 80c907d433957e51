// The keys under which everything secret in the data folder is wrapped. They lie in memory that all
// threads share, so that a new one counts everywhere at once: whoever seals takes the current key, whoever
// opens takes the one that the sealed text names.

import { createCipheriv, createDecipheriv, createHash, randomBytes } from "node:crypto";
import { RuntimeError } from "../../runtime/errors.ts";

/** Bytes of a master key, and of a data key: AES-256. */
export const KEY_BYTES = 32;
/** Master keys known at once: the current one and those before it. */
export const MASTER_KEYS_MAX = 8;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const ID_CHARS = 8;

/** Wraps data keys. Every method may be called on every thread. */
export interface MasterKeys {
  /** Of the key under which is wrapped from now on. */
  readonly currentId: string;
  /** Of all keys that are known, the current one first. */
  readonly ids: readonly string[];
  /** `context` is what unwrapping must name again: see `sealedContext`. */
  wrap(dataKey: Uint8Array, context: Uint8Array): { readonly id: string; readonly bytes: Buffer };
  /** @throws RuntimeError SECRET_UNREADABLE when the key is not known, or what was wrapped was changed. */
  unwrap(id: string, wrapped: Uint8Array, context: Uint8Array): Buffer;
}

/** Name of a key: what is stored beside everything that it wraps. It says nothing of the key. */
export function masterKeyId(key: Uint8Array): string {
  const hash = createHash("sha256").update("troupe master key\0").update(key).digest("hex");
  return hash.slice(0, ID_CHARS);
}

/** Memory for keys, without any yet. */
export function emptyMasterKeys(): SharedArrayBuffer {
  return new SharedArrayBuffer(4 + 2 * MASTER_KEYS_MAX * KEY_BYTES);
}

/**
 * Other keys from now on, the current one first. Two sets lie side by side: a thread that reads while this
 * is called has the old set or the new one, whole. @throws INVALID for none, more than are kept, or one of
 * another length.
 */
export function replaceMasterKeys(memory: SharedArrayBuffer, keys: readonly Uint8Array[]): void {
  const isRight = keys.length >= 1 && keys.every((key) => key.length === KEY_BYTES);
  if (!isRight || keys.length > MASTER_KEYS_MAX) {
    const text = `There are 1 to ${MASTER_KEYS_MAX} master keys of ${KEY_BYTES} bytes.`;
    throw new RuntimeError("INVALID", text);
  }
  const state = new Int32Array(memory, 0, 1);
  const generation = Math.floor(Atomics.load(state, 0) / MASTER_KEYS_MAX) + 1;
  const set = setIn(memory, generation);
  for (const [at, key] of keys.entries()) set.set(key, at * KEY_BYTES);
  Atomics.store(state, 0, generation * MASTER_KEYS_MAX + keys.length - 1);
}

function setIn(memory: SharedArrayBuffer, generation: number): Uint8Array {
  const bytes = MASTER_KEYS_MAX * KEY_BYTES;
  return new Uint8Array(memory, 4 + (generation % 2) * bytes, bytes);
}

/** The keys in such memory. */
export function createMasterKeys(memory: SharedArrayBuffer): MasterKeys {
  const state = new Int32Array(memory, 0, 1);
  let seen = -1;
  let keys: ReadonlyMap<string, Buffer> = new Map();
  const known = (): ReadonlyMap<string, Buffer> => {
    let now = Atomics.load(state, 0);
    if (now === seen || now === 0) return keys;
    let read: readonly Buffer[] = [];
    // Replaced twice meanwhile, what was read may be of both sets.
    for (let before = -1; before !== now; ) {
      before = now;
      const set = setIn(memory, Math.floor(now / MASTER_KEYS_MAX));
      read = Array.from({ length: (now % MASTER_KEYS_MAX) + 1 }, (_, at) =>
        Buffer.from(set.slice(at * KEY_BYTES, (at + 1) * KEY_BYTES)),
      );
      now = Atomics.load(state, 0);
    }
    // Forgotten keys stay on threads that had them: what was sealed a moment ago can be read.
    keys = new Map([...read.map((key) => [masterKeyId(key), key] as const), ...keys]);
    seen = now;
    return keys;
  };
  const current = (): readonly [string, Buffer] => {
    const [first] = known();
    if (first === undefined) throw new RuntimeError("INTERNAL", "There is no master key.");
    return first;
  };
  return {
    get currentId() {
      return current()[0];
    },
    get ids() {
      return [...known().keys()].slice(0, (seen % MASTER_KEYS_MAX) + 1);
    },
    wrap: (dataKey, context) => {
      const [id, key] = current();
      return { id, bytes: encrypted(key, dataKey, context) };
    },
    unwrap: (id, wrapped, context) => {
      const key = known().get(id);
      if (key !== undefined) return decrypted(key, wrapped, context);
      const text = `A stored secret is wrapped by the master key ${id.slice(0, ID_CHARS)}, which is not known here.`;
      throw new RuntimeError("SECRET_UNREADABLE", text);
    },
  };
}

/** AES-256-GCM: nonce, ciphertext and tag, one behind the other. */
export function encrypted(key: Uint8Array, plain: Uint8Array, context: Uint8Array): Buffer {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv("aes-256-gcm", key, nonce);
  cipher.setAAD(context);
  return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

/** What `encrypted` was given. @throws RuntimeError SECRET_UNREADABLE. */
export function decrypted(key: Uint8Array, bytes: Uint8Array, context: Uint8Array): Buffer {
  try {
    const decipher = createDecipheriv("aes-256-gcm", key, bytes.subarray(0, NONCE_BYTES), {
      authTagLength: TAG_BYTES,
    });
    decipher.setAAD(context);
    decipher.setAuthTag(bytes.subarray(bytes.length - TAG_BYTES));
    const middle = bytes.subarray(NONCE_BYTES, bytes.length - TAG_BYTES);
    return Buffer.concat([decipher.update(middle), decipher.final()]);
  } catch (error) {
    throw unreadable(error);
  }
}

function unreadable(cause: unknown): RuntimeError {
  const text = "A stored secret cannot be read: it was changed, or is another record's.";
  return new RuntimeError("SECRET_UNREADABLE", text, undefined, { cause });
}
