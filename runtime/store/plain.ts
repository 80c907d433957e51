// Whether a value can be stored, found out without writing it: a walk costs a part of what its bytes do.

import { RuntimeError } from "../errors.ts";

/** Less than `encode` takes: what is looked at here is stored within lists and objects of its own. */
const DEPTH_MAX = 92;

/** What a number, a date or another single value counts as. */
const VALUE_BYTES = 8;

/**
 * Bytes that it takes, roughly: a character counts as one.
 * @throws RuntimeError INVALID, TOO_DEEP as `encode` (codec.ts), or what a getter in it throws.
 */
export function checkPlain(value: unknown, depth = 0): number {
  if (typeof value === "string") return value.length;
  if (typeof value !== "object" || value === null) {
    const type = typeof value;
    if (type !== "function" && type !== "symbol" && type !== "bigint") return VALUE_BYTES;
    throw new RuntimeError("INVALID", `A ${type} cannot be stored.`);
  }
  if (value instanceof Uint8Array) return value.byteLength;
  if (depth >= DEPTH_MAX) {
    throw new RuntimeError("TOO_DEEP", `Such data has at most ${DEPTH_MAX} levels.`);
  }
  let bytes = VALUE_BYTES;
  if (Array.isArray(value)) {
    for (let at = 0; at < value.length; at += 1) bytes += checkPlain(value[at], depth + 1);
    return bytes;
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) {
    if (value instanceof Date) return bytes;
    throw new RuntimeError("INVALID", "An object of a class cannot be stored.");
  }
  for (const field of Object.keys(value)) {
    if (field === "__proto__") {
      throw new RuntimeError("INVALID", "A key __proto__ cannot be stored.");
    }
    bytes += field.length + checkPlain((value as Record<string, unknown>)[field], depth + 1);
  }
  return bytes;
}
