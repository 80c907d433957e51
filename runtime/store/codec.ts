// Value bytes of every stored row: a header of two bytes (format version, key id), then the payload.
// The key id says which key the payload is encrypted with; 0 is none. The payload names the fields
// and words that rows repeat by number, ids and times by their bits, and a text that it holds twice
// by its first place (value-format.ts): of a short chat that is less than half of msgpack's bytes.

import { RuntimeError } from "../errors.ts";
import { readFirst, readValue } from "./value-reader.ts";
import { writeValue } from "./value-writer.ts";

/** First byte of every value. Never 1: lmdb-js gives values that start with 01 01 01 a meaning. */
const FORMAT = 0x82;
const KEY_NONE = 0;
/** The payload is sealed under its tenant's key, with this head around the whole value (sealed-rows.ts). */
const KEY_OF_TENANT = 1;
/** What a sealed value begins with. */
export const SEALED_HEAD = Uint8Array.of(FORMAT, KEY_OF_TENANT);
const HEADER_BYTES = 2;

/**
 * Bytes of plain data: null, undefined, booleans, numbers, strings, arrays, plain objects,
 * Uint8Array (a Buffer comes back as a view of bytes) and Date.
 * @throws RuntimeError INVALID for bigint, function, symbol, Map, Set, any other object of a class,
 *   and a key "__proto__"; TOO_DEEP past 100 levels.
 */
export function encode(value: unknown): Uint8Array {
  const bytes = writeValue(value, HEADER_BYTES);
  bytes[0] = FORMAT;
  bytes[1] = KEY_NONE;
  return bytes;
}

/** Whether a value is sealed. */
export function isSealedValue(bytes: Uint8Array): boolean {
  return bytes[1] === KEY_OF_TENANT && bytes[0] === FORMAT;
}

/**
 * The data `encode` was given. @throws RuntimeError FOREIGN_DATA for another format, SECRET_UNREADABLE
 *   for a sealed value that could not be opened.
 */
export function decode(bytes: Uint8Array): unknown {
  check(bytes);
  return readValue(bytes, HEADER_BYTES);
}

/** The first item of a list that `encode` was given. @throws as `decode`. */
export function decodeFirst(bytes: Uint8Array): unknown {
  check(bytes);
  return readFirst(bytes, HEADER_BYTES);
}

function check(bytes: Uint8Array): void {
  const [format, key] = bytes;
  if (isSealedValue(bytes)) {
    const text =
      "A stored value is sealed and cannot be opened here: its tenant's key is destroyed or not given, or it was changed.";
    throw new RuntimeError("SECRET_UNREADABLE", text);
  }
  if (format !== FORMAT || key !== KEY_NONE) {
    throw new RuntimeError(
      "FOREIGN_DATA",
      `A stored value has format ${format} and key ${key}; this version reads ${FORMAT} and ${KEY_NONE}.`,
    );
  }
}

/** The number in a counter row; an absent one counts as 0. */
export function decodeCounter(bytes: Uint8Array | undefined): number {
  if (bytes === undefined) return 0;
  const value = decode(bytes);
  if (typeof value === "number") return value;
  throw new RuntimeError("FOREIGN_DATA", "A counter row does not hold a number.");
}
