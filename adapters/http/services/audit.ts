// What was decided in a tenant, as it is looked through: newest first, narrowed, a page at a time. A row
// says who decided what and when; the arguments of a call stand in its approval and are shown from
// there, so that with a conversation what was said in it goes.

import { type ApiKey, systemTables, systemTenant } from "../../../actors/records/api-key.ts";
import { type Approval, approvalTables } from "../../../actors/records/approval.ts";
import { type AuditRow, auditFilters, auditTable } from "../../../actors/records/audit.ts";
import { idsFrom } from "../../../runtime/id.ts";
import type { Tables } from "../../../runtime/system.ts";
import { timeOf } from "../query-time.ts";
import type { Page, PageRequest } from "./paging.ts";

/** Rows read for one page; where more were passed over, the page is short and has a cursor. */
const ROWS_MAX = 2_000;
const ROWS_AT_ONCE = 200;

/** Which rows are asked for; null: all. */
export interface AuditFilter
  extends Readonly<Record<(typeof auditFilters)[number], string | null>> {
  /** From this time on, and before that one, ms. */
  readonly fromMs: number | null;
  readonly toMs: number | null;
}

/** A row as it is shown: what is not known of it is null. */
export interface AuditEntry extends Required<Omit<AuditRow, "tenant">> {
  /** Name of the key that decided; null for what is no key, or one that is not known any more. */
  readonly by_name: string | null;
  /** Of a call that a person changed, while its approval is kept; else null. */
  readonly arguments: { readonly before: unknown; readonly after: unknown } | null;
}

/** Reads `?action=`, `?by=`, `?subject=`, `?run_id=`, `?from=` and `?to=`. @throws INVALID. */
export function auditFilter(query: URLSearchParams): AuditFilter {
  const [action, by, subject, run_id] = auditFilters.map((name) => query.get(name));
  return {
    ...{ action: action ?? null, by: by ?? null, subject: subject ?? null },
    ...{ run_id: run_id ?? null, fromMs: timeOf(query, "from"), toMs: timeOf(query, "to") },
  };
}

/** Newest first. */
export async function listAudit(
  tables: Tables,
  tenant: string,
  { limit, after }: PageRequest,
  filter: AuditFilter,
): Promise<Page<AuditEntry>> {
  const found: AuditRow[] = [];
  // Backwards from the end of the time that is asked for, or from where the page before ended.
  let last = after ?? (filter.toMs === null ? undefined : idsFrom("au", filter.toMs));
  const page = (next: string | null): Promise<Page<AuditEntry>> =>
    shown(tables, tenant, found, next);
  for (let read = 0; read < ROWS_MAX; read += ROWS_AT_ONCE) {
    const from = last === undefined ? {} : { after: last };
    const rows = await tables.list(tenant, auditTable, {
      ...{ limit: ROWS_AT_ONCE, reverse: true },
      ...from,
    });
    for (const { id, value } of rows) {
      const row = value as AuditRow;
      if (filter.fromMs !== null && Date.parse(row.at) < filter.fromMs) return await page(null);
      if (auditFilters.every((name) => filter[name] === null || row[name] === filter[name])) {
        // There is one more, so the cursor is of the last that was looked at.
        if (found.length === limit) return await page(last ?? null);
        found.push(row);
      }
      last = id;
    }
    if (rows.length < ROWS_AT_ONCE) return await page(null);
  }
  return await page(last ?? null);
}

/**
 * Removes the rows of a tenant that are older. What a crash leaves of it the next time removes.
 * @returns how many there were.
 */
export async function trimAudit(tables: Tables, tenant: string, beforeMs: number): Promise<number> {
  const end = idsFrom("au", beforeMs);
  for (let trimmed = 0; ; ) {
    const rows = await tables.list(tenant, auditTable, { limit: ROWS_AT_ONCE });
    const old = rows.filter(({ id }) => id < end);
    const writes = old.map(({ id }) => ({ type: "remove", table: auditTable, id }) as const);
    if (writes.length > 0) await tables.write(tenant, writes);
    trimmed += old.length;
    if (old.length < ROWS_AT_ONCE) return trimmed;
  }
}

/** Of rows that do not say it. */
const UNKNOWN = {
  ...{ role: null, request_id: null, from: null, channel: null },
  ...{ before: null, after: null },
} as const;

async function shown(
  tables: Tables,
  tenant: string,
  rows: readonly AuditRow[],
  next: string | null,
): Promise<Page<AuditEntry>> {
  const names = new Map<string, string | null>();
  for (const { by } of rows) {
    if (!names.has(by)) names.set(by, await nameOf(tables, tenant, by));
  }
  const items = rows.map(
    async ({ tenant: _, ...row }): Promise<AuditEntry> => ({
      ...UNKNOWN,
      ...row,
      outcome: row.outcome ?? "done",
      by_name: row.by_name ?? names.get(row.by) ?? null,
      arguments: row.details["edited"] === true ? await changed(tables, tenant, row.subject) : null,
    }),
  );
  return { items: await Promise.all(items), next };
}

/** The name of a key of the tenant. */
async function nameOf(tables: Tables, tenant: string, id: string): Promise<string | null> {
  if (!id.startsWith("ak_")) return null;
  const key = (await tables.get(systemTenant, systemTables.apiKeys, id))?.value as
    | ApiKey
    | undefined;
  return key?.tenant === tenant ? key.name : null;
}

async function changed(
  tables: Tables,
  tenant: string,
  id: string,
): Promise<AuditEntry["arguments"]> {
  const row = await tables.get(tenant, approvalTables.approvals, id);
  if (row === undefined) return null;
  const { arguments: before, decided_arguments: after } = row.value as Approval;
  return { before, after };
}
