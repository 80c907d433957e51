// Whether a value can be stored, found out without writing it: a walk costs a part of what its bytes do.

import { RuntimeError } from "../errors.ts";

/** Less than `encode` takes: what is looked at here is stored within lists and objects of its own. */
const DEPTH_MAX = 92;

/** @throws RuntimeError INVALID, TOO_DEEP as `encode` (codec.ts), or what a getter in it throws. */
export function checkPlain(value: unknown, depth = 0): void {
  if (typeof value !== "object" || value === null) {
    const type = typeof value;
    if (type !== "function" && type !== "symbol" && type !== "bigint") return;
    throw new RuntimeError("INVALID", `A ${type} cannot be stored.`);
  }
  if (value instanceof Uint8Array) return;
  if (depth >= DEPTH_MAX) {
    throw new RuntimeError("TOO_DEEP", `Such data has at most ${DEPTH_MAX} levels.`);
  }
  if (Array.isArray(value)) {
    for (let at = 0; at < value.length; at += 1) checkPlain(value[at], depth + 1);
    return;
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) {
    if (value instanceof Date) return;
    throw new RuntimeError("INVALID", "An object of a class cannot be stored.");
  }
  for (const field of Object.keys(value)) {
    if (field === "__proto__") {
      throw new RuntimeError("INVALID", "A key __proto__ cannot be stored.");
    }
    checkPlain((value as Record<string, unknown>)[field], depth + 1);
  }
}
