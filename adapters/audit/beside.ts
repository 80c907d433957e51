// The audit rows of what main writes: each batch that changes what an administrator sets up is told, in
// the same commit, by whom, from where, and what it was before. Services need not think of it, and cannot
// forget it.

import { systemTenant } from "../../actors/records/api-key.ts";
import type { AuditRow, AuditSource } from "../../actors/records/audit.ts";
import { auditTable } from "../../actors/records/audit.ts";
import type { Beside, Tables, TableWrite } from "../../runtime/system.ts";
import { type Act, type Acts, byServer } from "./act.ts";
import { auditRow } from "./audit-writes.ts";
import { type AuditedTable, auditedTables } from "./audited-tables.ts";

/** Changes of one batch that are told one by one; of more, the rest is counted in one row. */
export const CHANGES_TOLD_MAX = 100;
/** Ids that such a row names. */
const IDS_MAX = 20;

type RowWrite = Exclude<TableWrite, { type: "add" }>;

/** One changed row. */
interface Change {
  readonly table: AuditedTable;
  readonly id: string;
  readonly before: object | undefined;
  readonly after: object | undefined;
}

/** What the audit commits with each batch of main. */
export function createBeside(acts: Acts): Beside {
  return (tenant, writes, tables) => {
    if (!writes.some((write) => write.type !== "add" && auditedTables.has(write.table))) {
      return told(acts, tenant, writes);
    }
    return rowsOf(acts, { tenant, writes, tables });
  };
}

// What a service tells itself is told once: its rows are there already.
function told(acts: Acts, tenant: string, writes: readonly TableWrite[]): readonly TableWrite[] {
  for (const write of writes) {
    if (write.type !== "put" || write.table !== auditTable) continue;
    acts.arrived.add(write.tenant ?? tenant);
    acts.current()?.wrote?.(actionOf(write));
  }
  return [];
}

const actionOf = ({ value }: { readonly value: unknown }): string => (value as AuditRow).action;

interface Batch {
  readonly tenant: string;
  readonly writes: readonly TableWrite[];
  readonly tables: Pick<Tables, "get">;
}

async function rowsOf(acts: Acts, batch: Batch): Promise<readonly TableWrite[]> {
  const { tenant, writes } = batch;
  const act = acts.current();
  told(acts, tenant, writes);
  const own = new Set(
    writes.flatMap((write) =>
      write.type === "put" && write.table === auditTable ? [(write.value as AuditRow).subject] : [],
    ),
  );
  const changes: Change[] = [];
  const many = new Map<AuditedTable, string[]>();
  for (const write of writes) {
    if (write.type === "add") continue;
    const table = auditedTables.get(write.table);
    if (table === undefined || own.has(write.id)) continue;
    if (table.isMany || changes.length >= CHANGES_TOLD_MAX) {
      many.set(table, [...(many.get(table) ?? []), write.id]);
      continue;
    }
    const change = await changeOf(batch, table, write);
    if (change !== null) changes.push(change);
  }
  const source: AuditSource = act ?? byServer;
  const rows = changes.map((change, at) => {
    const isFirst = changes.findIndex(({ table }) => table.kind === change.table.kind) === at;
    return rowOf(source, act, { tenant, change, isFirst });
  });
  for (const [{ kind }, ids] of many) {
    const action = act?.action.startsWith(`${kind}.`) ? act.action : `${kind}.change`;
    const details = { rows: ids.length, first: ids.slice(0, IDS_MAX).join(" ") };
    rows.push(auditRow(source, { action, subject: ids[0] ?? kind, details }));
  }
  return rows.map((row): TableWrite => {
    act?.wrote?.(row.action);
    const { tenant: of = tenant, id } = row;
    acts.arrived.add(of);
    return {
      type: "put",
      table: auditTable,
      id,
      value: row,
      ...(of === tenant ? {} : { tenant: of }),
    };
  });
}

/** @returns null for what was not there and is removed. */
async function changeOf(
  { tenant, tables }: Batch,
  table: AuditedTable,
  write: RowWrite,
): Promise<Change | null> {
  const isNew = write.type === "put-if" && write.revision === null;
  const stored = isNew ? undefined : await tables.get(tenant, write.table, write.id);
  const before = fieldsOf(table, stored?.value);
  const after = write.type === "remove" ? undefined : fieldsOf(table, write.value);
  if (before === undefined && after === undefined) return null;
  return { table, id: write.id, before, after };
}

const fieldsOf = (table: AuditedTable, value: unknown): object | undefined =>
  value === undefined ? undefined : (table.fieldsOf?.(value) ?? (value as object));

function rowOf(
  source: AuditSource,
  act: Act | undefined,
  of: { readonly tenant: string; readonly change: Change; readonly isFirst: boolean },
): AuditRow {
  const { table, id, before, after } = of.change;
  const verb = before === undefined ? "create" : after === undefined ? "delete" : "update";
  // "agent.rollback" says more than that an agent was updated.
  const own = of.isFirst && act?.action.startsWith(`${table.kind}.`) === true ? act.action : null;
  const about = table.tenantOf?.(after ?? before);
  return auditRow(source, {
    action: own ?? `${table.kind}.${verb}`,
    subject: id,
    ...{ before, after },
    ...(about === undefined ? {} : { details: { tenant: about } }),
    ...tenantOfRow(act, of.tenant),
  });
}

/** An owner's acts on the system's tables are told in its own tenant, the operator's in the system's. */
function tenantOfRow(act: Act | undefined, tenant: string): { readonly tenant?: string } {
  const isOwn = tenant === systemTenant && act !== undefined && act.by !== "operator";
  return isOwn ? { tenant: act.tenant } : {};
}
