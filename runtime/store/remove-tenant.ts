// Removes every row of a tenant, a bounded slice at a time, so that others are served meanwhile. It
// keeps no place of its own: after a crash it begins again and finds what is left. What LMDB leaves of
// removed rows in pages that are free or not full goes with the next compaction (compact.ts).

import { setImmediate as pass } from "node:timers/promises";
import { RuntimeError } from "../errors.ts";
import type { Bulk } from "./bulk.ts";
import type { Environment } from "./store.ts";
import { keysOfTenant } from "./tenant-rows.ts";

/** Times that all families are gone through: somebody may still have been writing. */
const ROUNDS_MAX = 10;

/** What is removed from. */
export interface RemovalOptions {
  readonly hot: Bulk;
  readonly bulk: Bulk;
  readonly signal?: AbortSignal;
  /** Told after each slice how many rows are gone, in both environments. */
  readonly onSlice?: (rows: number) => Promise<void> | void;
}

/**
 * Removes a tenant's rows; its work must be at rest. @returns how many there were.
 * @throws CANCELLED, STORE_FULL; STORE_FAILED when rows come as fast as they go.
 */
export async function removeTenant(tenant: string, options: RemovalOptions): Promise<number> {
  let removed = 0;
  for (let round = 0; round < ROUNDS_MAX; round += 1) {
    const before = removed;
    for (const environment of ["bulk", "hot"] as const satisfies readonly Environment[]) {
      const store = options[environment];
      for await (const page of keysOfTenant(store, environment, tenant)) {
        options.signal?.throwIfAborted();
        await store.commit(page.map((key) => ({ op: "remove", key })));
        removed += page.length;
        await options.onSlice?.(removed);
        await pass();
      }
    }
    if (removed === before) return removed;
  }
  throw new RuntimeError("STORE_FAILED", `Rows of ${tenant} come again as fast as they go.`);
}
