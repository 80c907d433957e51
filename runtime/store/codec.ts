// Value bytes of every stored row: a header of two bytes (format version, key id), then the payload.
// The key id says which key the payload is encrypted with; 0 is none.

import { Packr } from "msgpackr";
import { RuntimeError } from "../errors.ts";

/** First byte of every value. Never 1: lmdb-js gives values that start with 01 01 01 a meaning. */
const FORMAT = 0x81;
const KEY_NONE = 0;
const HEADER_BYTES = 2;
/** Nesting that `encode` accepts; deeper data is refused (TOO_DEEP). */
const DEPTH_MAX = 100;

const packr = new Packr({ useRecords: false, moreTypes: true });

/**
 * Bytes of plain data: null, undefined, booleans, numbers, strings, arrays, objects, Uint8Array,
 * Date, Map, Set.
 * @throws RuntimeError INVALID for bigint, function and symbol; TOO_DEEP past 100 levels.
 */
export function encode(value: unknown): Uint8Array {
  check(value, 0);
  const payload = packr.pack(value);
  const bytes = new Uint8Array(HEADER_BYTES + payload.length);
  bytes[0] = FORMAT;
  bytes[1] = KEY_NONE;
  bytes.set(payload, HEADER_BYTES);
  return bytes;
}

/** The data `encode` was given. @throws RuntimeError FOREIGN_DATA for another format or key. */
export function decode(bytes: Uint8Array): unknown {
  const [format, key] = bytes;
  if (format !== FORMAT || key !== KEY_NONE) {
    throw new RuntimeError(
      "FOREIGN_DATA",
      `A stored value has format ${format} and key ${key}; this version reads ${FORMAT} and ${KEY_NONE}.`,
    );
  }
  return packr.unpack(bytes.subarray(HEADER_BYTES));
}

/** The number in a counter row; an absent one counts as 0. */
export function decodeCounter(bytes: Uint8Array | undefined): number {
  if (bytes === undefined) return 0;
  const value = decode(bytes);
  if (typeof value === "number") return value;
  throw new RuntimeError("FOREIGN_DATA", "A counter row does not hold a number.");
}

function check(value: unknown, depth: number): void {
  switch (typeof value) {
    case "bigint":
    case "function":
    case "symbol":
      throw new RuntimeError("INVALID", `A ${typeof value} cannot be stored.`);
    case "object":
      if (value !== null && !ArrayBuffer.isView(value)) checkInside(value, depth + 1);
  }
}

function checkInside(value: object, depth: number): void {
  if (depth > DEPTH_MAX) {
    throw new RuntimeError("TOO_DEEP", `Stored data has at most ${DEPTH_MAX} levels.`);
  }
  if (Array.isArray(value) || value instanceof Set) {
    for (const item of value) check(item, depth);
  } else if (value instanceof Map) {
    for (const [key, item] of value) {
      check(key, depth);
      check(item, depth);
    }
  } else {
    for (const key in value) check((value as Record<string, unknown>)[key], depth);
  }
}
