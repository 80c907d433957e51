// Audit rows of main: made of who acts and what is done, as writes that are committed in the same batch
// as the change itself, so that there is never one without the other.

import type {
  AuditDetails,
  AuditOutcome,
  AuditRow,
  AuditSource,
} from "../../actors/records/audit.ts";
import { type AuditFields, auditTable } from "../../actors/records/audit.ts";
import { newId } from "../../runtime/id.ts";
import type { TableWrite } from "../../runtime/system.ts";
import { differenceOf } from "./redaction.ts";

/** An act as it is written down. */
export interface AuditWhat {
  /** Kind and verb: "key.create". */
  readonly action: string;
  /** Id of what it is done to. */
  readonly subject: string;
  readonly runId?: string | null;
  /** Default "done". */
  readonly outcome?: AuditOutcome;
  readonly details?: AuditDetails;
  /** The record before and after it; undefined: there was none. Secrets are taken out, equal fields left out. */
  readonly before?: object | undefined;
  readonly after?: object | undefined;
  /** Whose audit it belongs to, when that is another tenant than the one whose tables are written. */
  readonly tenant?: string;
  /** Default: now. */
  readonly nowMs?: number;
}

/** The row of an act. */
export function auditRow(source: AuditSource, what: AuditWhat): AuditRow {
  const { nowMs = Date.now(), tenant } = what;
  const change = differenceOf(
    what.before as AuditFields | undefined,
    what.after as AuditFields | undefined,
  );
  const {
    by,
    by_name = null,
    role = null,
    request_id = null,
    from = null,
    channel = null,
  } = source;
  return {
    id: newId("au", nowMs),
    at: new Date(nowMs).toISOString(),
    ...{ action: what.action, by, by_name, role, request_id, from, channel },
    subject: what.subject,
    run_id: what.runId ?? null,
    outcome: what.outcome ?? "done",
    details: what.details ?? {},
    ...{ before: change?.before ?? null, after: change?.after ?? null },
    ...(tenant === undefined ? {} : { tenant }),
  };
}

/** What is to be put into the batch of the change. */
export function auditWrites(source: AuditSource, what: AuditWhat): readonly TableWrite[] {
  const row = auditRow(source, what);
  return [{ type: "put", table: auditTable, id: row.id, value: row }];
}
