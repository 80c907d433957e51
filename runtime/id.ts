// Sortable random ids with a prefix that says what they name: `cv_01j9...`. The first 48 bits are
// milliseconds, the rest is random, so that lists are in order of creation without a counter.

import { randomFillSync } from "node:crypto";

const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";
const POOL_BYTES = 4096;
const pool = new Uint8Array(POOL_BYTES);
let used = POOL_BYTES;

/** Source of randomness: `bytes` fresh random bytes, each 0..255. The testkit gives a seeded one. */
export type RandomBytes = (bytes: number) => Uint8Array;

/** Cryptographic randomness from a pool, because one call per id costs a microsecond. */
export function systemRandom(bytes: number): Uint8Array {
  if (used + bytes > POOL_BYTES) {
    randomFillSync(pool);
    used = 0;
  }
  used += bytes;
  return pool.subarray(used - bytes, used);
}

const ID = /^[a-z]+_([0-9a-hjkmnp-tv-z]{10})[0-9a-hjkmnp-tv-z]{16}$/;

/** When an id of `newId` was made, in ms; null for another text. */
export function idTimeMs(id: string): number | null {
  const time = ID.exec(id)?.[1];
  if (time === undefined) return null;
  let ms = 0;
  for (const character of time) ms = ms * 32 + ALPHABET.indexOf(character);
  return ms;
}

/** What ids that were made from `fromMs` on begin with, or are after: they sort by time. */
export function idsFrom(prefix: string, fromMs: number): string {
  return `${prefix}_${timeText(fromMs)}`;
}

/**
 * A new id: prefix, underscore, 10 characters of time, 16 random ones (80 bits).
 * @param prefix e.g. "cv"; lower-case letters.
 * @param nowMs milliseconds since the epoch.
 */
export function newId(prefix: string, nowMs: number, random: RandomBytes = systemRandom): string {
  let tail = "";
  for (const byte of random(16)) tail += ALPHABET[byte & 31];
  return `${prefix}_${timeText(nowMs)}${tail}`;
}

function timeText(atMs: number): string {
  let time = "";
  let rest = Math.floor(atMs);
  for (let at = 0; at < 10; at += 1) {
    time = ALPHABET[rest % 32] + time;
    rest = Math.floor(rest / 32);
  }
  return time;
}
