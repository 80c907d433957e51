// Quarantined actors as main reads them, of one tenant or of all.

import type { Address } from "../address.ts";
import { RuntimeError } from "../errors.ts";
import { decode } from "../store/codec.ts";
import { keys, prefixRange } from "../store/keys.ts";
import type { Reader } from "../store/store.ts";
import type { Quarantined } from "../system.ts";

const ROWS_MAX = 200;

/** One page; see `System.quarantined`. */
export async function listQuarantined(
  store: Reader,
  tenant: string | null,
  { after, limit }: { readonly after?: Address; readonly limit: number },
): Promise<readonly Quarantined[]> {
  if (!Number.isInteger(limit) || limit < 1 || limit > ROWS_MAX) {
    throw new RuntimeError("INVALID", `A page has 1 to ${ROWS_MAX} rows.`);
  }
  const base = tenant === null ? keys.quarantined : keys.quarantinedOf(tenant);
  const range = prefixRange(base, limit);
  // The first key after it: a space sorts before whatever a key may hold.
  const from = after === undefined ? range.from : `${keys.quarantine(after)} `;
  if (from < range.from) return [];
  const rows = await store.range({ ...range, from });
  return rows.map(({ value }) => decode(value) as Quarantined);
}
