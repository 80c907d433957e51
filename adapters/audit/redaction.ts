// What of a record may stand in the audit: no secret, whatever the record is, and no more than is said
// here. A field is secret by its name; what it held is told apart by whether it changed, never by a hash,
// which a short secret could be found by.

import { createHash } from "node:crypto";
import type { AuditFields } from "../../actors/records/audit.ts";
import { HIDDEN } from "../../actors/tools/secret-headers.ts";

/** Bytes of one field as JSON; a longer one is told by its length and SHA-256. */
export const FIELD_BYTES_MAX = 2_048;
/** Bytes of one side, before or after. */
export const SIDE_BYTES_MAX = 8_192;
const DEPTH_MAX = 12;

/** `api_key`, `apiKey`, `client_secret`, `password`, `access_token`, ... but neither `agent_key` nor `max_tokens`. */
const SECRET =
  /(^|_)(secrets?|passwords?|passphrases?|tokens?|api_?keys?|authorization|credentials?|(private|master|admin)_?keys?|cookies?|hash)$/;
/** Members of these are secret whatever they are called. */
const SECRET_BAGS = /^(headers|env|environment|auth)$/;

/** Fields that say when or how often a record was written: they differ with every change. */
const STAMPS: readonly string[] = ["updated_at", "version"];

/** Fields of two states of a record that differ; null for a side that is not there. */
export interface Difference {
  readonly before: AuditFields | null;
  readonly after: AuditFields | null;
}

/** What a change of a record has changed. @returns null when nothing has. */
export function differenceOf(
  before: AuditFields | undefined,
  after: AuditFields | undefined,
): Difference | null {
  const names = new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {})]);
  const changed = [...names].filter(
    (name) =>
      !(before !== undefined && after !== undefined && STAMPS.includes(name)) &&
      JSON.stringify(before?.[name]) !== JSON.stringify(after?.[name]),
  );
  if (changed.length === 0) return null;
  return { before: sideOf(before, changed), after: sideOf(after, changed) };
}

/** A copy without secrets: of strings, lists and objects under the names above. */
export function withoutSecrets(value: unknown, depth = 0): unknown {
  if (value === null || typeof value !== "object") return value;
  if (depth >= DEPTH_MAX) return "[too deep]";
  if (Array.isArray(value)) return value.map((one) => withoutSecrets(one, depth + 1));
  if (value instanceof Date) return value.toISOString();
  if (value instanceof Uint8Array) return { bytes: value.byteLength };
  return Object.fromEntries(
    Object.entries(value).map(([name, one]) => [
      name,
      isSecret(name, one) ? hidden(one) : withoutSecrets(one, depth + 1),
    ]),
  );
}

function isSecret(name: string, value: unknown): boolean {
  if (value === null || typeof value === "number" || typeof value === "boolean") return false;
  const plain = name
    .replace(/([a-z0-9])([A-Z])/g, "$1_$2")
    .toLowerCase()
    .replaceAll("-", "_");
  return SECRET.test(plain) || (SECRET_BAGS.test(plain) && typeof value === "object");
}

/** Names inside stay, so that it is seen which header was set. */
function hidden(value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return HIDDEN;
  return Object.fromEntries(Object.keys(value).map((name) => [name, HIDDEN]));
}

function sideOf(record: AuditFields | undefined, names: readonly string[]): Difference["before"] {
  if (record === undefined) return null;
  let left = SIDE_BYTES_MAX;
  const side: Record<string, unknown> = {};
  const shown = withoutSecrets(
    Object.fromEntries(
      names.filter((name) => record[name] !== undefined).map((name) => [name, record[name]]),
    ),
  ) as AuditFields;
  for (const [name, value] of Object.entries(shown)) {
    const text = JSON.stringify(value) ?? "null";
    const bytes = Buffer.byteLength(text);
    const fits = bytes <= FIELD_BYTES_MAX && bytes <= left;
    side[name] = fits ? value : { bytes, sha256: createHash("sha256").update(text).digest("hex") };
    if (fits) left -= bytes;
  }
  return side;
}
