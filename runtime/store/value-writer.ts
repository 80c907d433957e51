// Writes a value as value-format.ts says: one pass over plain data, into a buffer that many values
// share.

import { RuntimeError } from "../errors.ts";
import { isoTime } from "./iso-time.ts";
import {
  AGAIN,
  AGAIN_CHARS_MIN,
  AGAIN_MAX,
  ALPHABET,
  DECIMALS,
  ID_BYTES,
  ID_CHARS,
  INTEGER,
  LIST,
  OBJECT,
  prefixPlaces,
  SHORT_AGAIN,
  SHORT_HEAD,
  SHORT_TEXT,
  SMALL_INTEGERS,
  TAGS,
  TEXT,
  TIME_CHARS,
  TIME_MS_BYTES,
  WORD_CHARS_MAX,
  wordTags,
} from "./value-format.ts";

/** Nesting that is written; deeper data is refused (TOO_DEEP). */
const DEPTH_MAX = 100;
const POOL_BYTES = 16 * 1024;
/** Room that is there before an item is looked at: its tag, and any number. */
const ITEM_BYTES = 32;
const VARINT = 128;
const BITS_32 = 2 ** 32;
/** A longer text is compared with the few long ones before it; hashing it would cost more. */
const HASHED_CHARS_MAX = 256;
const LONG_TEXTS_MAX = 32;
const NOT_BASE_32 = 255;
/** Bits of two digits side by side of which one is none. */
const NO_DIGITS = 0xe0e0;
const WIDE = /[\u0100-\uffff]/;

const digitOf = new Uint8Array(128).fill(NOT_BASE_32);
for (const [digit, character] of [...ALPHABET].entries()) {
  digitOf[character.charCodeAt(0)] = digit;
}

let pool = Buffer.allocUnsafeSlow(POOL_BYTES);
let start = 0;
let at = 0;
let texts = 0;
let places = new Map<string, number>();
const longTexts: string[] = [];
const longPlaces: number[] = [];

/**
 * Bytes of plain data after `headBytes` that are left for the caller to fill.
 * @throws RuntimeError INVALID, TOO_DEEP: see codec.ts.
 */
export function writeValue(value: unknown, headBytes: number): Buffer {
  if (POOL_BYTES - at < POOL_BYTES / 4) {
    pool = Buffer.allocUnsafeSlow(POOL_BYTES);
    at = 0;
  }
  start = at;
  at += headBytes;
  try {
    write(value, 0);
    return pool.subarray(start, at);
  } catch (error) {
    at = start;
    throw error;
  } finally {
    if (texts > 0) forgetTexts();
    // A large value has its buffer alone.
    if (pool.length > POOL_BYTES) {
      pool = Buffer.allocUnsafeSlow(POOL_BYTES);
      at = 0;
    }
  }
}

function forgetTexts(): void {
  texts = 0;
  // Cleared, its tables would pile up: see churn-map.ts.
  places = new Map();
  longTexts.length = 0;
  longPlaces.length = 0;
}

/** Makes room for so many bytes more, in a larger buffer that takes what is written of this value. */
function need(bytes: number): void {
  if (at + bytes <= pool.length) return;
  const larger = Buffer.allocUnsafeSlow(Math.max(2 * (at - start) + bytes, POOL_BYTES + 1));
  pool.copy(larger, 0, start, at);
  at -= start;
  start = 0;
  pool = larger;
}

function write(value: unknown, depth: number): void {
  need(ITEM_BYTES);
  switch (typeof value) {
    case "string":
      writeText(value);
      return;
    case "number":
      writeNumber(value);
      return;
    case "boolean":
      pool[at++] = value ? TAGS.true : TAGS.false;
      return;
    case "undefined":
      pool[at++] = TAGS.undefined;
      return;
    case "object":
      if (value === null) pool[at++] = TAGS.null;
      else writeObject(value, depth + 1);
      return;
    default:
      throw new RuntimeError("INVALID", `A ${typeof value} cannot be stored.`);
  }
}

function writeObject(value: object, depth: number): void {
  if (value instanceof Uint8Array) {
    writeBytes(value);
    return;
  }
  if (depth > DEPTH_MAX) {
    throw new RuntimeError("TOO_DEEP", `Stored data has at most ${DEPTH_MAX} levels.`);
  }
  if (Array.isArray(value)) {
    writeHead(value.length, LIST, TAGS.list);
    // By index: a hole is written as undefined.
    for (let index = 0; index < value.length; index += 1) write(value[index], depth);
    return;
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === Object.prototype || prototype === null) {
    writeFields(value as Record<string, unknown>, depth);
  } else if (value instanceof Date) {
    pool[at++] = TAGS.date;
    at = pool.writeDoubleBE(value.getTime(), at);
  } else {
    // It would come back as something else, a Map as an object.
    throw new RuntimeError("INVALID", `A ${value.constructor.name} cannot be stored.`);
  }
}

function writeFields(value: Record<string, unknown>, depth: number): void {
  const fields = Object.keys(value);
  writeHead(fields.length, OBJECT, TAGS.object);
  for (const field of fields) {
    // Reading it could replace the object's prototype.
    if (field === "__proto__") {
      throw new RuntimeError("INVALID", "A key __proto__ cannot be stored.");
    }
    need(ITEM_BYTES);
    writeText(field);
    write(value[field], depth);
  }
}

function writeHead(count: number, short: number, long: number): void {
  if (count < SHORT_HEAD) {
    pool[at++] = short + count;
    return;
  }
  pool[at++] = long;
  writeVarint(count);
}

function writeBytes(value: Uint8Array): void {
  need(value.length + ITEM_BYTES);
  pool[at++] = TAGS.bytes;
  writeVarint(value.length);
  pool.set(value, at);
  at += value.length;
}

function writeNumber(value: number): void {
  if (Number.isSafeInteger(value)) {
    if (value >= 0) {
      if (value < SMALL_INTEGERS) {
        pool[at++] = INTEGER + value;
        return;
      }
      pool[at++] = TAGS.integer;
      writeVarint(value);
      return;
    }
    pool[at++] = TAGS.negative;
    writeVarint(-1 - value);
    return;
  }
  const scaled = Math.round(value * DECIMALS);
  if (Math.abs(scaled) < BITS_32 && scaled / DECIMALS === value) {
    pool[at++] = TAGS.decimal;
    writeVarint(2 * Math.abs(scaled) + (scaled < 0 ? 1 : 0));
    return;
  }
  pool[at++] = TAGS.float;
  at = pool.writeDoubleBE(value, at);
}

function writeVarint(value: number): void {
  let rest = value;
  while (rest >= BITS_32 / 2) {
    pool[at++] = (rest % VARINT) + VARINT;
    rest = Math.floor(rest / VARINT);
  }
  while (rest >= VARINT) {
    pool[at++] = (rest & (VARINT - 1)) | VARINT;
    rest >>>= 7;
  }
  pool[at++] = rest;
}

function writeText(text: string): void {
  const { length } = text;
  if (length <= WORD_CHARS_MAX) {
    const word = wordTags.get(text);
    if (word !== undefined) {
      if (word > 255) pool[at++] = TAGS.otherWord;
      pool[at++] = word & 255;
      return;
    }
  }
  if (length >= AGAIN_CHARS_MIN && wasWritten(text)) return;
  if (length === ID_CHARS && writeId(text)) return;
  if (length === TIME_CHARS && writeTime(text)) return;
  if (length < SHORT_TEXT && writeAscii(text)) return;
  if (!WIDE.test(text)) {
    need(length + ITEM_BYTES);
    pool[at++] = TAGS.latin;
    writeVarint(length);
    at += pool.write(text, at, "latin1");
    return;
  }
  need(2 * length + ITEM_BYTES);
  pool[at++] = TAGS.wide;
  writeVarint(2 * length);
  at += pool.write(text, at, "utf16le");
}

/** Writes where the text stands already, or remembers that it stands here. */
function wasWritten(text: string): boolean {
  const place = text.length <= HASHED_CHARS_MAX ? places.get(text) : longPlace(text);
  if (place === undefined) {
    if (texts < AGAIN_MAX) {
      if (text.length <= HASHED_CHARS_MAX) places.set(text, texts);
      else if (longTexts.length < LONG_TEXTS_MAX) {
        longTexts.push(text);
        longPlaces.push(texts);
      }
      texts += 1;
    }
    return false;
  }
  if (place < SHORT_AGAIN) pool[at++] = AGAIN + place;
  else {
    pool[at++] = TAGS.again;
    writeVarint(place);
  }
  return true;
}

function longPlace(text: string): number | undefined {
  const index = longTexts.indexOf(text);
  return index === -1 ? undefined : longPlaces[index];
}

function writeAscii(text: string): boolean {
  const head = at;
  pool[at++] = TEXT + text.length;
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (code > 127) {
      at = head;
      return false;
    }
    pool[at++] = code;
  }
  return true;
}

/** An id of `newId`: its 26 characters are 128 bits. */
function writeId(text: string): boolean {
  if (text[2] !== "_") return false;
  const place = prefixPlaces.get(text.charCodeAt(0) * 256 + text.charCodeAt(1));
  if (place === undefined) return false;
  const high = digitAt(text, 3);
  const low = digitAt(text, 4);
  if (high > 7 || low > 31) return false;
  let to = at;
  pool[to++] = TAGS.id;
  pool[to++] = place;
  pool[to++] = high * 32 + low;
  for (let from = 5; from < ID_CHARS; from += 4) {
    const left = (digitAt(text, from) << 8) | digitAt(text, from + 1);
    const right = (digitAt(text, from + 2) << 8) | digitAt(text, from + 3);
    if (((left | right) & NO_DIGITS) !== 0) return false;
    const bits =
      ((left & 0xff00) << 7) | ((left & 31) << 10) | ((right & 0xff00) >> 3) | (right & 31);
    if (from % 8 === 5) {
      pool[to] = bits >> 12;
      pool[to + 1] = bits >> 4;
      pool[to + 2] = bits << 4;
      to += 2;
    } else {
      pool[to] = (pool[to] ?? 0) | (bits >> 16);
      pool[to + 1] = bits >> 8;
      pool[to + 2] = bits;
      to += 3;
    }
  }
  at += ID_BYTES;
  return true;
}

function digitAt(text: string, index: number): number {
  return digitOf[text.charCodeAt(index)] ?? NOT_BASE_32;
}

function writeTime(text: string): boolean {
  const ms = isoTime(text);
  if (!(ms >= 0)) return false;
  pool[at++] = TAGS.time;
  at = pool.writeUIntBE(ms, at, TIME_MS_BYTES);
  return true;
}
