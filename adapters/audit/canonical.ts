// The bytes that the audit's hashes are taken of: JSON as RFC 8785 (JCS) writes it, so that any program in
// any language can compute them again from an export. Members in order of their names' UTF-16 units, no
// space, numbers and strings as ECMAScript writes them.

import { createHash } from "node:crypto";

const DEPTH_MAX = 64;

/**
 * A value as canonical JSON. Members that are undefined are left out and numbers that are none are null, as
 * JSON.stringify does, so that what was written and read again has the same form.
 * @throws TypeError for what JSON has no form for (functions), and beyond 64 levels.
 */
export function canonicalJson(value: unknown, depth = 0): string {
  if (depth > DEPTH_MAX)
    throw new TypeError(`More than ${DEPTH_MAX} levels have no canonical form.`);
  if (value === null || typeof value !== "object") {
    const text = JSON.stringify(value);
    if (text === undefined) throw new TypeError(`A ${typeof value} has no form in JSON.`);
    return text;
  }
  if (Array.isArray(value)) {
    return `[${value.map((one) => canonicalJson(one ?? null, depth + 1)).join(",")}]`;
  }
  const members = Object.entries(value)
    .filter(([, one]) => one !== undefined)
    .sort(([left], [right]) => (left < right ? -1 : left > right ? 1 : 0))
    .map(([name, one]) => `${JSON.stringify(name)}:${canonicalJson(one, depth + 1)}`);
  return `{${members.join(",")}}`;
}

/** SHA-256 of the canonical form, hex. */
export function canonicalHash(value: unknown): string {
  return createHash("sha256").update(canonicalJson(value)).digest("hex");
}
