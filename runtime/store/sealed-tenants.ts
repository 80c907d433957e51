// Tenants of which something lies sealed: where a key of one of them is missing, it was lost.

import { isSealedValue } from "./codec.ts";
import { keys, prefixRange } from "./keys.ts";
import type { Reader } from "./store.ts";

/**
 * Those that have rows in tables, which every tenant with agents, keys or documents has: one read a tenant.
 * @param hot as it is stored, not opened.
 */
export async function* sealedTenants(hot: Reader): AsyncGenerator<string> {
  const { to } = prefixRange(keys.tables, 1);
  for (let from = keys.tables as string; ; ) {
    const [row] = await hot.range({ from, to, limit: 1 });
    if (row === undefined) return;
    const [, tenant = ""] = row.key.split("/", 2);
    if (isSealedValue(row.value)) yield tenant;
    // From one tenant to the next: what lies between is not looked at.
    from = prefixRange(`${keys.tables}${tenant}/`, 1).to;
  }
}
