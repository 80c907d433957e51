// The secret of an API key. A key is `troupe_<id>_<secret>`; what is stored is its SHA-256 alone. A plain
// hash is right for what is 260 random bits: there is nothing to guess that a slow hash would protect,
// and a hash with a key of the server's would help only who has lost the data folder without its keys.

import { createHash, timingSafeEqual } from "node:crypto";
import { systemRandom } from "../../runtime/id.ts";

/** How our keys begin. */
export const KEY_BEGIN = "troupe_";

const SHAPE = /^troupe_([0-9a-z]{26})_([0-9a-z]{52})$/;
const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";
/** Of a key, what lists show: its beginning with the id, and the first four characters of the secret. */
const PREFIX_CHARS = KEY_BEGIN.length + 26 + 1 + 4;

/** A new key for an id (`ak_...`), with what is stored of it. */
export function newSecret(id: string): {
  readonly key: string;
  readonly hash: string;
  readonly prefix: string;
} {
  let secret = "";
  for (const byte of systemRandom(52)) secret += ALPHABET[byte & 31];
  const key = `${KEY_BEGIN}${id.slice(3)}_${secret}`;
  return { key, hash: hashOfKey(key), prefix: prefixOf(key) };
}

/** The id inside a key, or null for what is none of our keys. */
export function keyIdOf(key: string): string | null {
  const id = SHAPE.exec(key)?.[1];
  return id === undefined ? null : `ak_${id}`;
}

/** The part that is no secret. */
export const prefixOf = (key: string): string => key.slice(0, PREFIX_CHARS);

/** SHA-256 of a key, hex. */
export function hashOfKey(key: string): string {
  return createHash("sha256").update(key).digest("hex");
}

/** Compares in a time that does not tell how much was right. */
export function isHashOf(presented: string, hash: string): boolean {
  return timingSafeEqual(Buffer.from(hashOfKey(presented)), Buffer.from(hash));
}

/** Compares texts in a time that depends on their length only. */
export function isSameText(left: string, right: string): boolean {
  if (left.length !== right.length) return false;
  let difference = 0;
  for (let at = 0; at < left.length; at += 1) {
    difference |= left.charCodeAt(at) ^ right.charCodeAt(at);
  }
  return difference === 0;
}
