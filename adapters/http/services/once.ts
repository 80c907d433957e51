// Creation under an Idempotency-Key: the result is stored under the key in the same write as the
// change, so that a repeated request gets it back and a crash never leaves one without the other.

import { createHash } from "node:crypto";
import { type ErrorData, fromErrorData, RuntimeError } from "../../../runtime/errors.ts";
import type { Tables, TableWrite } from "../../../runtime/system.ts";
import type { HttpRequest } from "../server.ts";

/** Table of results by key, id = SHA-256 of service and key; and when each is forgotten. */
const table = "idempotency";
const dueTable = "idempotency-due";
/** Old results forgotten with each new one: more than come, so that the table never grows. */
const FORGOTTEN_AT_ONCE = 10;
/** A key is remembered this long. */
export const KEY_HOURS = 24;
const KEY_CHARS_MAX = 255;
const HOUR_MS = 3_600_000;

/** An Idempotency-Key with the fingerprint of the body it came with. */
export interface OnceKey {
  readonly key: string;
  readonly bodyHash: string;
  /** What it is refused with unless it came before. */
  readonly otherwise?: ErrorData;
}

interface Stored {
  readonly bodyHash: string;
  readonly at: number;
  readonly result: unknown;
}

/** The request's Idempotency-Key, if it has one. @throws INVALID when it is empty or too long. */
export function onceKeyOf(request: HttpRequest, body: Uint8Array): OnceKey | null {
  const key = request.header("idempotency-key");
  if (key === undefined) return null;
  const { otherwise } = request;
  return { ...onceKey(key, body), ...(otherwise && { otherwise }) };
}

/** A key with what must be the same when it comes again. @throws INVALID when it is empty or too long. */
export function onceKey(key: string, body: Uint8Array | string): OnceKey {
  if (key === "" || key.length > KEY_CHARS_MAX) {
    throw new RuntimeError("INVALID", `Idempotency-Key has 1 to ${KEY_CHARS_MAX} characters.`);
  }
  return { key, bodyHash: createHash("sha256").update(body).digest("hex") };
}

/**
 * Makes something once for each key.
 * @param make given the write that remembers the result: to be committed with the change.
 * @returns the result and whether it is an earlier one.
 * @throws KEY_REUSED when the key came with another body, the key's `otherwise`, or what `make` throws.
 */
export async function once<T>(
  place: { readonly tables: Tables; readonly tenant: string; readonly service: string },
  key: OnceKey | null,
  nowMs: number,
  make: (remember: (result: T) => readonly TableWrite[]) => Promise<T>,
): Promise<{ readonly result: T; readonly isRepeat: boolean }> {
  if (key === null) return { result: await make(() => []), isRepeat: false };
  const id = createHash("sha256").update(`${place.service}\n${key.key}`).digest("hex");
  await forgetOld(place, nowMs);
  const known = await place.tables.get(place.tenant, table, id);
  const stored = known?.value as Stored | undefined;
  if (stored !== undefined && stored.at > nowMs - KEY_HOURS * HOUR_MS) {
    return { result: repeat<T>(stored, key), isRepeat: true };
  }
  if (key.otherwise !== undefined) throw fromErrorData(key.otherwise);
  const remember = (result: T): readonly TableWrite[] => [
    {
      type: "put-if",
      table,
      id,
      value: { bodyHash: key.bodyHash, at: nowMs, result } satisfies Stored,
      revision: known?.revision ?? null,
    },
    { type: "put", table: dueTable, id: `${timeOf(nowMs)}.${id}`, value: { id } },
  ];
  try {
    return { result: await make(remember), isRepeat: false };
  } catch (error) {
    if (!(error instanceof RuntimeError && error.code === "REVISION_MISMATCH")) throw error;
    // Another request with this key was first: its result is this one's too.
    const winner = (await place.tables.get(place.tenant, table, id))?.value as Stored | undefined;
    if (winner === undefined) throw error;
    return { result: repeat<T>(winner, key), isRepeat: true };
  }
}

/** Forgets results whose time is over. */
async function forgetOld(
  { tables, tenant }: { readonly tables: Tables; readonly tenant: string },
  nowMs: number,
): Promise<void> {
  const oldest = timeOf(nowMs - KEY_HOURS * HOUR_MS);
  const due = await tables.list(tenant, dueTable, { limit: FORGOTTEN_AT_ONCE });
  const over = due.filter((row) => row.id < oldest);
  if (over.length === 0) return;
  const writes: TableWrite[] = [];
  for (const { id: dueId, value } of over) {
    writes.push({ type: "remove", table: dueTable, id: dueId });
    const { id } = value as { readonly id: string };
    const row = await tables.get(tenant, table, id);
    // A key that came again after its time has a new result, with a time of its own.
    if (row === undefined || (row.value as Stored).at > nowMs - KEY_HOURS * HOUR_MS) continue;
    writes.push({ type: "remove", table, id, revision: row.revision });
  }
  try {
    await tables.write(tenant, writes);
  } catch (error) {
    // Another request forgets the same ones, or has just renewed one: the next request looks again.
    if (!(error instanceof RuntimeError && error.code === "REVISION_MISMATCH")) throw error;
  }
}

/** A time as text that sorts. */
function timeOf(ms: number): string {
  return String(Math.max(0, ms)).padStart(15, "0");
}

function repeat<T>(stored: Stored, key: OnceKey): T {
  if (stored.bodyHash === key.bodyHash) return stored.result as T;
  throw new RuntimeError("KEY_REUSED", "This Idempotency-Key came with another body before.");
}
