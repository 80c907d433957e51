// Vectors that were computed once, on disk, so that a text that comes again (a document taken in anew,
// a job that goes on after a crash, a question that is asked often) costs no model and no money. A
// local model takes milliseconds of a core for a text, a provider takes a call; a read here takes
// microseconds. The built-in embedder is as fast as that, and has no cache.
//
// One file an embedder, of fixed size: a text's hash says in which group of places its vector may
// stand, and a full group loses one at random. There is no index that could be damaged: a place holds
// its text's hash and a checksum, so what was half written, by a crash or by two threads at once, is
// not found. The file may be deleted at any time.

import { createHash } from "node:crypto";
import { closeSync, mkdirSync, openSync, readSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { crc32 } from "node:zlib";

const HASH_BYTES = 32;
const CHECK_BYTES = 4;
/** Places in which one text's vector may stand: read in one go. */
const GROUP = 4;

/** A file of vectors. */
export interface VectorCache {
  /** The vector of a text, if it is remembered. */
  get(hash: Buffer): Float32Array | undefined;
  put(hash: Buffer, vector: Float32Array): void;
  close(): void;
}

/** What a text is remembered under. Tenants never find each other's: a quick answer would tell. */
export function hashOf(tenant: string, text: string): Buffer {
  return createHash("sha256").update(tenant).update("\0").update(text, "utf8").digest();
}

/**
 * Opens a cache.
 * @param bytesMax of the file; it takes no more disk than what was written to it.
 */
export function openVectorCache(
  path: string,
  dimension: number,
  bytesMax: number,
  random: () => number = Math.random,
): VectorCache {
  const vectorBytes = dimension * Float32Array.BYTES_PER_ELEMENT;
  const placeBytes = HASH_BYTES + CHECK_BYTES + vectorBytes;
  const groups = Math.max(1, Math.floor(bytesMax / (placeBytes * GROUP)));
  mkdirSync(dirname(path), { recursive: true });
  const file = openOrMake(path);
  const group = Buffer.alloc(placeBytes * GROUP);

  const read = (hash: Buffer): number => {
    const start = (hash.readUInt32LE(0) % groups) * group.length;
    group.fill(0, readSync(file, group, 0, group.length, start));
    return start;
  };
  const placeOf = (hash: Buffer): number => {
    for (let at = 0; at < group.length; at += placeBytes) {
      if (hash.equals(group.subarray(at, at + HASH_BYTES))) return at;
    }
    return -1;
  };
  return {
    get(hash) {
      read(hash);
      const at = placeOf(hash);
      if (at < 0) return undefined;
      const bytes = group.subarray(at + HASH_BYTES + CHECK_BYTES, at + placeBytes);
      if (crc32(bytes) !== group.readUInt32LE(at + HASH_BYTES)) return undefined;
      return new Float32Array(Uint8Array.from(bytes).buffer);
    },
    put(hash, vector) {
      const start = read(hash);
      const known = placeOf(hash);
      const at = known >= 0 ? known : freePlace(group, placeBytes, random);
      const place = Buffer.alloc(placeBytes);
      hash.copy(place);
      Buffer.from(vector.buffer, vector.byteOffset, vectorBytes).copy(
        place,
        HASH_BYTES + CHECK_BYTES,
      );
      place.writeUInt32LE(crc32(place.subarray(HASH_BYTES + CHECK_BYTES)), HASH_BYTES);
      writeSync(file, place, 0, placeBytes, start + at);
    },
    close: () => closeSync(file),
  };
}

function freePlace(group: Buffer, placeBytes: number, random: () => number): number {
  for (let at = 0; at < group.length; at += placeBytes) {
    if (group.subarray(at, at + HASH_BYTES).every((byte) => byte === 0)) return at;
  }
  return Math.floor(random() * GROUP) * placeBytes;
}

/** Read and write at places: "r+" does not make a file, and "w+" empties one. */
function openOrMake(path: string): number {
  closeSync(openSync(path, "a", 0o600));
  return openSync(path, "r+");
}
