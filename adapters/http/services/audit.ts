// What was decided in a tenant, as it is looked through: newest first, narrowed, a page at a time. A row
// says who decided what and when; the arguments of a call stand in its approval and are shown from
// there, so that with a conversation what was said in it goes.

import { type ApiKey, systemTables, systemTenant } from "../../../actors/records/api-key.ts";
import { type Approval, approvalTables } from "../../../actors/records/approval.ts";
import { type AuditRow, auditFilters, auditTable } from "../../../actors/records/audit.ts";
import type { Tables } from "../../../runtime/system.ts";
import { type Chaining, chainArrived, readHead } from "../../audit/chaining.ts";
import { type AuditFilter, findEntries, isAskedFor } from "../../audit/find.ts";
import { timeOf } from "../query-time.ts";
import type { Page, PageRequest } from "./paging.ts";

/** Rows that have arrived, of which a page shows the newest. */
const ROWS_AT_ONCE = 200;

/** A row as it is shown: what is not known of it is null. */
export interface AuditEntry extends Required<Omit<AuditRow, "tenant">> {
  /** Name of the key that decided; null for what is no key, or one that is not known any more. */
  readonly by_name: string | null;
  /** Whether it is in the chain yet, and as which entry. */
  readonly chained: boolean;
  readonly n: number | null;
  /** Whether `before` and `after` were erased. */
  readonly erased: boolean;
  /** Of a call that a person changed, while its approval is kept; else null. */
  readonly arguments: { readonly before: unknown; readonly after: unknown } | null;
}

/** Reads `?action=`, `?by=`, `?subject=`, `?run_id=`, `?outcome=`, `?from=` and `?to=`. @throws INVALID. */
export function auditFilter(query: URLSearchParams): AuditFilter {
  const [action, by, subject, run_id, outcome] = [...auditFilters, "outcome"].map((name) =>
    query.get(name),
  );
  return {
    ...{ action: action ?? null, by: by ?? null, subject: subject ?? null },
    ...{ run_id: run_id ?? null, outcome: outcome ?? null },
    ...{ fromMs: timeOf(query, "from"), toMs: timeOf(query, "to") },
  };
}

/**
 * Newest first: what is not chained yet on the first page, before all that is. A place in the list is the
 * number of an entry.
 */
export async function listAudit(
  chaining: Chaining,
  tenant: string,
  { limit, after }: PageRequest,
  filter: AuditFilter,
): Promise<Page<AuditEntry>> {
  const { tables } = chaining;
  const isFirst = after === undefined;
  if (isFirst) await chainArrived(chaining, tenant);
  const fresh = isFirst ? await freshRows(tables, tenant, filter, limit) : [];
  const left = limit - fresh.length;
  const below = after === undefined ? null : Number(after);
  const { found, next } =
    left > 0
      ? await findEntries(tables, tenant, filter, { limit: left, below })
      : { found: [], next: (await readHead(tables, tenant)).head.n + 1 };
  const rows: readonly Shown[] = [
    ...fresh.map((row) => ({ row, n: null, erased: false })),
    ...found.map(({ entry, content }) => {
      const { content: hash, ...row } = entry.row;
      const { before = null, after: now = null } = content ?? {};
      const erased = hash !== null && content === null;
      return { row: { ...row, before, after: now }, n: entry.n, erased };
    }),
  ];
  return { items: await shown(tables, tenant, rows), next: next === null ? null : String(next) };
}

/** What has arrived and waits: the newest of it. */
async function freshRows(
  tables: Tables,
  tenant: string,
  filter: AuditFilter,
  limit: number,
): Promise<readonly AuditRow[]> {
  const rows = await tables.list(tenant, auditTable, { limit: ROWS_AT_ONCE, reverse: true });
  const asked = rows.map(({ value }) => value as AuditRow).filter((row) => isAskedFor(row, filter));
  return asked.slice(0, limit);
}

interface Shown {
  readonly row: AuditRow;
  readonly n: number | null;
  readonly erased: boolean;
}

/** Of rows that do not say it. */
const UNKNOWN = {
  ...{ role: null, request_id: null, from: null, channel: null },
  ...{ before: null, after: null },
} as const;

async function shown(
  tables: Tables,
  tenant: string,
  rows: readonly Shown[],
): Promise<readonly AuditEntry[]> {
  const names = new Map<string, string | null>();
  for (const { row } of rows) {
    if (!names.has(row.by)) names.set(row.by, await nameOf(tables, tenant, row.by));
  }
  const items = rows.map(
    async ({ row: { tenant: _, ...row }, n, erased }): Promise<AuditEntry> => ({
      ...UNKNOWN,
      ...row,
      ...{ outcome: row.outcome ?? "done", chained: n !== null, n, erased },
      by_name: row.by_name ?? names.get(row.by) ?? null,
      arguments: row.details["edited"] === true ? await changed(tables, tenant, row.subject) : null,
    }),
  );
  return await Promise.all(items);
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
