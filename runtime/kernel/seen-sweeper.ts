// Forgets the keys of messages from outside when their time is over, and gives their tenants the
// room back.

import { encode } from "../store/codec.ts";
import { keys } from "../store/keys.ts";
import type { Engine } from "./engine.ts";
import { SWEEPING_SHARD } from "./sweeper.ts";

const HOUR_MS = 3_600_000;
/** Keys forgotten in one sweep: never so many that they fill a batch. */
const KEYS_A_SWEEP = 300;

/** Value of an expiry row: its key says everything. */
export const EXPIRY = encode(null);

/** Forgets some keys that have expired; whether there may be more. */
export async function sweepSeen({ committer, options, metrics }: Engine): Promise<boolean> {
  const hour = Math.floor(options.clock.now() / HOUR_MS);
  const rows = await committer.range({ ...keys.seenExpiredBefore(hour), limit: KEYS_A_SWEEP });
  const owner = { shard: SWEEPING_SHARD };
  const room = new Map<string, number>();
  for (const { key } of rows) {
    const { tenant, seen } = keys.seenOfExpiry(key);
    committer.write(owner, { op: "remove", key: seen });
    committer.write(owner, { op: "remove", key });
    room.set(tenant, (room.get(tenant) ?? 0) + 1);
  }
  for (const [tenant, delta] of room) {
    committer.write(owner, { op: "add", key: keys.seenRoom(tenant), delta });
  }
  if (rows.length > 0) metrics.count("seenForgotten", rows.length);
  return rows.length === KEYS_A_SWEEP;
}
