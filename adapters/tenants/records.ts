// Tenant records in the system's tenant, read and changed by their revisions.

import { systemTables, systemTenant } from "../../actors/records/api-key.ts";
import {
  purgesTable,
  readTenant,
  type StoredTenant,
  type Tenant,
  type TenantPurge,
} from "../../actors/records/tenant.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import type { Tables, TableWrite } from "../../runtime/system.ts";

const table = systemTables.tenants;
/** Times that a change is tried anew when another one came first. */
const TRIES_MAX = 20;

/** A tenant; undefined when there never was one. */
export async function findTenant(tables: Tables, id: string): Promise<Tenant | undefined> {
  const row = await tables.get(systemTenant, table, id);
  return row && readTenant(row.value as StoredTenant);
}

/** Where the removal of a tenant stands; null when nobody has asked for it. */
export async function findPurge(tables: Tables, id: string): Promise<TenantPurge | null> {
  const row = await tables.get(systemTenant, purgesTable, id);
  return row === undefined ? null : (row.value as TenantPurge);
}

/**
 * Changes a tenant, in one write with `also`.
 * @param change what it becomes; the same one: nothing is written.
 * @throws NOT_FOUND, and what `change` throws.
 */
export async function changeTenant(
  tables: Tables,
  id: string,
  change: (before: Tenant) => Tenant,
  also: (before: Tenant, after: Tenant) => readonly TableWrite[] = () => [],
): Promise<Tenant> {
  for (let tries = 0; ; tries += 1) {
    const row = await tables.get(systemTenant, table, id);
    if (row === undefined) throw unknownTenant(id);
    const before = readTenant(row.value as StoredTenant);
    const value = change(before);
    if (value === before) return before;
    const put = { type: "put-if", table, id, value, revision: row.revision } as const;
    try {
      await tables.write(systemTenant, [put, ...also(before, value)]);
      return value;
    } catch (error) {
      const isRace = error instanceof RuntimeError && error.code === "REVISION_MISMATCH";
      if (!isRace || tries >= TRIES_MAX) throw error;
    }
  }
}

/** What is said of a tenant that is not there. */
export function unknownTenant(id: string): RuntimeError {
  return new RuntimeError("NOT_FOUND", `There is no tenant ${id.slice(0, 64)}.`);
}
