// Values of an export as JSON has them, without secrets: neither in clear nor as they are stored.

import type { ApiKey } from "../../actors/records/api-key.ts";
import { mapSecrets } from "../secret-rows.ts";

/** What stands in the place of a secret. */
export const LEFT_OUT = "[left out]";

/** What is sealed, also within a longer text. */
const SEALED = /vault:\d+:[\w-]+:[\w-]+:[\w-]+/g;
const utf8 = new TextDecoder("utf-8", { fatal: true });

/**
 * A value of a row of `table` (or of no table) as JSON has it: bytes that are text as `{"utf8": ...}`, others
 * as `{"base64": ...}`, dates as ISO 8601, secrets left out.
 */
export function exported(tenant: string, table: string, value: unknown): unknown {
  return plain(mapSecrets({ tenant, table }, value, () => LEFT_OUT));
}

/** A key without what proves it. */
export function exportedKey(key: ApiKey, usedMs: number | null): unknown {
  const { hash: _, previous = null, ...shown } = key;
  const { hash: __, ...before } = previous ?? { hash: "" };
  const last_used_at = usedMs === null ? null : new Date(usedMs).toISOString();
  return { ...shown, previous: previous === null ? null : before, last_used_at };
}

function plain(value: unknown): unknown {
  if (typeof value === "string") {
    return value.includes("vault:") ? value.replaceAll(SEALED, LEFT_OUT) : value;
  }
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(plain);
  if (value instanceof Date) return value.toISOString();
  if (value instanceof Uint8Array) return bytes(value);
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, plain(member)]));
}

function bytes(value: Uint8Array): object {
  try {
    return { utf8: utf8.decode(value) };
  } catch {
    return { base64: Buffer.from(value).toString("base64") };
  }
}
