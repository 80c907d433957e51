// What was decided in a tenant and by whom: one row a decision, written in the transaction of what was
// decided. Rows are never changed.

import type { Turn } from "../../runtime/actor.ts";

/** Table of audit rows; ids sort by time. */
export const auditTable = "audit";

/** One decision. It names things by id: what was said or computed stands where the id leads. */
export interface AuditRow {
  /** `au_...` */
  readonly id: string;
  /** ISO 8601. */
  readonly at: string;
  /** What was done, e.g. "approval.approve". */
  readonly action: string;
  /** Who did it: an API key (`ak_`), "admin", or the name of an automatism such as "rule". */
  readonly by: string;
  /** Id of what it was done to. */
  readonly subject: string;
  readonly run_id: string | null;
  /** Short facts beside it. */
  readonly details: Readonly<Record<string, string | number | boolean | null>>;
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
