// What the system's tenant has of another one: its keys, what is under way of its packs, and what the
// audit tells of it. One rule for whoever removes it row by row, and for a compaction.

import { type ApiKey, systemTables, systemTenant } from "../../actors/records/api-key.ts";
import { type AuditRow, auditTable } from "../../actors/records/audit.ts";
import type { TableRow, Tables, TableWrite } from "../../runtime/system.ts";
import { byServer } from "../audit/act.ts";
import { auditWrites } from "../audit/audit-writes.ts";
import { packJournal } from "../packs/journal-tables.ts";

/** Rows read and removed at once. */
const PAGE_ROWS = 200;

/** What becomes of a row when tenants are removed: it stays, goes, or is another one. */
export type Left = "keep" | "drop" | { readonly value: unknown };

/** Tables with rows of other tenants, in the order in which they are looked through. */
const tablesWithOthers = [
  auditTable,
  systemTables.apiKeys,
  systemTables.keysByTenant,
  systemTables.keysUsed,
  packJournal.applies,
  packJournal.documents,
] as const;

/**
 * Judges rows of the system's tenant, table after table in the order of their names: what belongs to a key
 * or an apply of a pack comes after it, and goes with it.
 */
export class SystemRows {
  readonly #isGone: (tenant: string) => boolean;
  /** Ids of what went, by which rows of later tables go too. */
  readonly #before = new Set<string>();

  constructor(isGone: (tenant: string) => boolean) {
    this.#isGone = isGone;
  }

  left(table: string, id: string, value: unknown): Left {
    switch (table) {
      case systemTables.apiKeys: {
        const left = this.#drop((value as ApiKey).tenant);
        if (left === "drop") this.#before.add(id);
        return left;
      }
      case systemTables.keysUsed:
        return this.#before.has(id) ? "drop" : "keep";
      case systemTables.keysByTenant:
        return this.#drop(id.slice(0, id.lastIndexOf(".")));
      case packJournal.applies: {
        const left = this.#drop((value as { readonly tenant: string }).tenant);
        if (left === "drop") this.#before.add(id);
        return left;
      }
      case packJournal.documents:
        return this.#before.has(id.slice(0, id.lastIndexOf("."))) ? "drop" : "keep";
      case auditTable:
        return this.#ofAudit(value as AuditRow);
      default:
        return "keep";
    }
  }

  #drop(tenant: string): Left {
    return this.#isGone(tenant) ? "drop" : "keep";
  }

  /** That something was done stays, with who did it; what was written, then or before, does not. */
  #ofAudit(row: AuditRow): Left {
    const { subject, details, before = null, after = null } = row;
    const tenant = details["tenant"];
    const isOf = this.#isGone(subject) || (typeof tenant === "string" && this.#isGone(tenant));
    const isErased = before === null && after === null && (row.by_name ?? null) === null;
    if (!isOf || isErased) return "keep";
    return { value: { ...row, before: null, after: null, by_name: null } };
  }
}

/** Removes what there is of a tenant. @returns how many rows went. */
export async function removeSystemRows(tables: Tables, tenant: string): Promise<number> {
  const rows = new SystemRows((one) => one === tenant);
  let removed = 0;
  for (const table of tablesWithOthers) {
    for (let after = ""; ; ) {
      const from = after === "" ? {} : { after };
      const page = await tables.list(systemTenant, table, { limit: PAGE_ROWS, ...from });
      const writes = page.flatMap((row) => writesOf(rows, table, row, tenant));
      if (writes.length > 0) await tables.write(systemTenant, writes);
      removed += writes.filter(({ type }) => type === "remove").length;
      after = page.at(-1)?.id ?? "";
      if (page.length < PAGE_ROWS) break;
    }
  }
  return removed;
}

function writesOf(
  rows: SystemRows,
  table: string,
  { id, value }: TableRow,
  tenant: string,
): readonly TableWrite[] {
  const left = rows.left(table, id, value);
  if (left === "keep") return [];
  if (left !== "drop") return [{ type: "put", table, id, value: left.value }];
  const remove: TableWrite = { type: "remove", table, id };
  if (table !== systemTables.apiKeys) return [remove];
  // Told here, without what the key was called.
  const told = { action: "key.delete", subject: id, details: { tenant } };
  return [remove, ...auditWrites(byServer, told)];
}
