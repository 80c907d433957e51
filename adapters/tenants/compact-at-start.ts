// What removed tenants left in the files goes at a start, before a server opens them.

import type { Log } from "../../runtime/log.ts";
import type { SealedData } from "../vault/sealing.ts";
import { compactionDueSince } from "./due.ts";

/**
 * Compacts the folder if that is due, before a server opens it. One that cannot be done now is tried again
 * at the next start: its cause is what the operator reads of.
 * @param sealed called when it is due, where what is a tenant's is sealed.
 * @param olderMs how long it must have been due, ms; default 0.
 * @throws DATA_LOCKED, DATA_DAMAGED and what else keeps a server from starting on it.
 */
export async function compactWhenDue(
  data: string,
  log: Log,
  sealed?: () => Promise<SealedData>,
  olderMs = 0,
): Promise<void> {
  const sinceMs = await compactionDueSince(data);
  if (sinceMs === null || Date.now() - sinceMs < olderMs) return;
  const { compactData } = await import("./compact.ts");
  const beganMs = performance.now();
  const done = await compactData(data, await sealed?.()).catch((error: { code?: unknown }) => {
    if (error.code !== "STORE_FULL" && error.code !== "STORE_FAILED") throw error;
    log.write("error", "The data folder could not be compacted.", { err: error });
    return null;
  });
  if (done === null) return;
  log.write("info", "The data folder was compacted.", {
    removed: done.removed.length,
    ms: Math.round(performance.now() - beganMs),
  });
}
