// Keeps the audit of every tenant for as long as the operator says: looked through soon after a start and
// every few hours from then on. One that is cut is done again by the next.

import type { Log } from "../../../runtime/log.ts";
import type { Tables } from "../../../runtime/system.ts";
import type { KeyStore } from "../keys.ts";
import { trimAudit } from "./audit.ts";

const DAY_MS = 24 * 3_600_000;
const EVERY_MS = 6 * 3_600_000;
/** Tenants read at once. */
const TENANTS_AT_ONCE = 100;

/** What it works with. */
export interface AuditRetention {
  readonly tables: Tables;
  readonly keys: Pick<KeyStore, "listTenants">;
  /** Days that a row is kept; 0: for ever. */
  readonly days: number;
  readonly log: Log;
  /** Milliseconds since the epoch. */
  nowMs(): number;
}

/** Removes what is too old, of all tenants. @returns how many rows. */
export async function trimAllAudit(
  of: Pick<AuditRetention, "tables" | "keys" | "days" | "nowMs">,
): Promise<number> {
  if (of.days === 0) return 0;
  const beforeMs = of.nowMs() - of.days * DAY_MS;
  let trimmed = 0;
  for (let after: string | undefined; ; ) {
    const page = { limit: TENANTS_AT_ONCE, ...(after === undefined ? {} : { after }) };
    const tenants = await of.keys.listTenants(page);
    for (const { id } of tenants) trimmed += await trimAudit(of.tables, id, beforeMs);
    after = tenants.at(-1)?.id;
    if (tenants.length < TENANTS_AT_ONCE) return trimmed;
  }
}

/** Goes on doing so. @returns what stops it. */
export function keepAudit(of: AuditRetention): () => void {
  let isStopped = false;
  const trim = (): void => {
    trimAllAudit(of).catch((error: unknown) => {
      if (!isStopped) of.log.write("warn", "The audit could not be trimmed.", { err: error });
    });
  };
  trim();
  const timer = setInterval(trim, EVERY_MS);
  timer.unref();
  return () => {
    isStopped = true;
    clearInterval(timer);
  };
}
