// What was done in a tenant and by whom: one row an act, written in the transaction of what was done.
// Rows are never changed. They lie here as they arrive, in whatever thread; main moves them on into the
// tenant's chain (adapters/audit/README.md).

import type { Turn } from "../../runtime/actor.ts";

/** Table of audit rows as they arrive; ids sort by time. */
export const auditTable = "audit";

/** Table of the key that chains are signed by, in the system's tenant. */
export const auditKeysTable = "audit-keys";

/** What became of an act: `begun` stands until its end is known, `unknown` when it never was. */
export type AuditOutcome = "done" | "refused" | "failed" | "begun" | "unknown";

/** Short facts. */
export type AuditDetails = Readonly<Record<string, string | number | boolean | null>>;

/** Changed fields of a record, without secrets, bounded. */
export type AuditFields = Readonly<Record<string, unknown>>;

/** Who does something, and from where. */
export interface AuditSource {
  /**
   * Who: an API key (`ak_`), `operator` for the server's own, `jwt.<issuer's name>.<hash>` for a token (the hash
   * of its subject), `server` for what it does by itself, or the name of an automatism such as `rule`.
   */
  readonly by: string;
  /** What it is called, where that is known at once. */
  readonly by_name?: string | null;
  readonly role?: string | null;
  readonly request_id?: string | null;
  /** Address of the peer. */
  readonly from?: string | null;
  /** How it came: `api`, `console`, `socket`, `run` or `server`. */
  readonly channel?: string | null;
}

/** One act. It names things by id. */
export interface AuditRow extends AuditSource {
  /** `au_...` */
  readonly id: string;
  /** ISO 8601. */
  readonly at: string;
  /** What was done, e.g. "approval.approve". */
  readonly action: string;
  /** Id of what it was done to. */
  readonly subject: string;
  readonly run_id: string | null;
  /** Absent in rows of earlier versions: `done`. */
  readonly outcome?: AuditOutcome;
  readonly details: AuditDetails;
  /** Of a change: the fields that differ, as they were and as they are. They can be erased. */
  readonly before?: AuditFields | null;
  readonly after?: AuditFields | null;
  /** Whose audit it is told in, where that is not the tenant whose tables it arrives in. */
  readonly tenant?: string;
}

/** Fields that rows are found by. */
export const auditFilters = ["action", "by", "subject", "run_id"] as const;

/** Writes the row with the turn. */
export function audit(
  turn: Pick<Turn, "newId" | "nowMs" | "putRow">,
  what: Omit<AuditRow, "id" | "at">,
): void {
  const row: AuditRow = {
    id: turn.newId("au"),
    at: new Date(turn.nowMs).toISOString(),
    ...what,
  };
  turn.putRow(auditTable, row.id, row);
}
