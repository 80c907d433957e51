// Creation under an Idempotency-Key: the result is stored under the key in the same write as the
// change, so that a repeated request gets it back and a crash never leaves one without the other.

import { createHash } from "node:crypto";
import { RuntimeError } from "../../../runtime/errors.ts";
import type { Tables, TableWrite } from "../../../runtime/system.ts";
import type { HttpRequest } from "../server.ts";

/** Table of results by key, id = SHA-256 of service and key. */
const table = "idempotency";
/** A key is remembered this long. */
export const KEY_HOURS = 24;
const KEY_CHARS_MAX = 255;
const HOUR_MS = 3_600_000;

/** An Idempotency-Key with the fingerprint of the body it came with. */
export interface OnceKey {
  readonly key: string;
  readonly bodyHash: string;
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
  if (key === "" || key.length > KEY_CHARS_MAX) {
    throw new RuntimeError("INVALID", `Idempotency-Key has 1 to ${KEY_CHARS_MAX} characters.`);
  }
  return { key, bodyHash: createHash("sha256").update(body).digest("hex") };
}

/**
 * Makes something once for each key.
 * @param make given the write that remembers the result: to be committed with the change.
 * @returns the result and whether it is an earlier one.
 * @throws KEY_REUSED when the key came with another body, or what `make` throws.
 */
export async function once<T>(
  place: { readonly tables: Tables; readonly tenant: string; readonly service: string },
  key: OnceKey | null,
  nowMs: number,
  make: (remember: (result: T) => readonly TableWrite[]) => Promise<T>,
): Promise<{ readonly result: T; readonly isRepeat: boolean }> {
  if (key === null) return { result: await make(() => []), isRepeat: false };
  const id = createHash("sha256").update(`${place.service}\n${key.key}`).digest("hex");
  const known = await place.tables.get(place.tenant, table, id);
  const stored = known?.value as Stored | undefined;
  if (stored !== undefined && stored.at > nowMs - KEY_HOURS * HOUR_MS) {
    return { result: repeat<T>(stored, key), isRepeat: true };
  }
  const remember = (result: T): readonly TableWrite[] => [
    {
      type: "put-if",
      table,
      id,
      value: { bodyHash: key.bodyHash, at: nowMs, result } satisfies Stored,
      revision: known?.revision ?? null,
    },
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

function repeat<T>(stored: Stored, key: OnceKey): T {
  if (stored.bodyHash === key.bodyHash) return stored.result as T;
  throw new RuntimeError("KEY_REUSED", "This Idempotency-Key came with another body before.");
}
