// What the system's tenant has of another one: its keys, what is under way of its packs, where its
// triggers are found, and what the audit tells of it. One rule for whoever removes it row by row, and for a compaction.

import { type ApiKey, systemTables, systemTenant } from "../../actors/records/api-key.ts";
import { type AuditRow, auditTable } from "../../actors/records/audit.ts";
import { weightsTable } from "../../actors/records/tenant.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import type { TableRow, Tables, TableWrite } from "../../runtime/system.ts";
import { byServer } from "../audit/act.ts";
import { auditWrites } from "../audit/audit-writes.ts";
import type { ChainEntry } from "../audit/chain.ts";
import { logTables } from "../audit/log-tables.ts";
import { packJournal } from "../packs/journal-tables.ts";
import { placeTables, type TriggerPlace } from "../triggers/places.ts";

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
  weightsTable,
  ...Object.values(placeTables),
] as const;

/**
 * Judges rows of the system's tenant, table after table in the order of their names: what belongs to a key
 * or an apply of a pack comes after it, and goes with it.
 */
export class SystemRows {
  readonly #isGone: (tenant: string) => boolean;
  /** Ids of what went, by which rows of later tables go too. */
  readonly #before = new Set<string>();
  /** Numbers of entries of the chain whose contents go. */
  readonly #erased = new Set<string>();

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
      case weightsTable:
        return this.#drop(id);
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
      case placeTables.startup:
      case placeTables.webhook:
      case placeTables.file_change:
        return this.#drop((value as TriggerPlace).tenant);
      case auditTable:
        return this.#ofAudit(value as AuditRow);
      case logTables.contents:
        return this.#erased.has(id) ? "drop" : "keep";
      default:
        return "keep";
    }
  }

  /**
   * Told of each entry of the operator's chain before contents are judged. The chain has the hash of a content
   * and stays whole without it.
   * @returns whether its content goes.
   */
  chained(id: string, { row }: Pick<ChainEntry, "row">): boolean {
    const isErased = row.content !== null && this.#isAbout(row);
    if (isErased) this.#erased.add(id);
    return isErased;
  }

  #drop(tenant: string): Left {
    return this.#isGone(tenant) ? "drop" : "keep";
  }

  /** That something was done stays, with who did it; what was written, then or before, does not. */
  #ofAudit(row: AuditRow): Left {
    const { before = null, after = null } = row;
    const isErased = before === null && after === null && (row.by_name ?? null) === null;
    if (isErased || !this.#isAbout(row)) return "keep";
    return { value: { ...row, before: null, after: null, by_name: null } };
  }

  #isAbout({ subject, details }: Pick<AuditRow, "subject" | "details">): boolean {
    const tenant = details["tenant"];
    return this.#isGone(subject) || (typeof tenant === "string" && this.#isGone(tenant));
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
      // What was chained meanwhile is erased below; what else has changed is read again.
      if (writes.length > 0 && !(await isWritten(tables, writes))) continue;
      removed += writes.filter(({ type }) => type === "remove").length;
      after = page.at(-1)?.id ?? "";
      if (page.length < PAGE_ROWS) break;
    }
  }
  return removed + (await eraseChained(tables, rows));
}

/** Contents of the chain that are about the tenant. @returns how many went. */
async function eraseChained(tables: Tables, rows: SystemRows): Promise<number> {
  let erased = 0;
  for (let after = ""; ; ) {
    const from = after === "" ? {} : { after };
    const table = logTables.entries;
    const page = await tables.list(systemTenant, table, { limit: PAGE_ROWS, ...from });
    const gone = page.filter(({ id, value }) => rows.chained(id, value as ChainEntry));
    const writes = gone.map(
      ({ id }) => ({ type: "remove", table: logTables.contents, id }) as const,
    );
    if (writes.length > 0) await tables.write(systemTenant, writes);
    erased += writes.length;
    after = page.at(-1)?.id ?? "";
    if (page.length < PAGE_ROWS) return erased;
  }
}

/** @returns false when a row is not as it was read. */
async function isWritten(tables: Tables, writes: readonly TableWrite[]): Promise<boolean> {
  try {
    await tables.write(systemTenant, writes);
    return true;
  } catch (error) {
    if (error instanceof RuntimeError && error.code === "REVISION_MISMATCH") return false;
    throw error;
  }
}

function writesOf(
  rows: SystemRows,
  table: string,
  { id, value, revision }: TableRow,
  tenant: string,
): readonly TableWrite[] {
  const left = rows.left(table, id, value);
  if (left === "keep") return [];
  if (left !== "drop") return [{ type: "put-if", table, id, value: left.value, revision }];
  const remove: TableWrite = { type: "remove", table, id };
  if (table !== systemTables.apiKeys) return [remove];
  // Told here, without what the key was called.
  const told = { action: "key.delete", subject: id, details: { tenant } };
  return [remove, ...auditWrites(byServer, told)];
}
