// Packs in the tenant's tables: reading one with its newest version, and the rows that an apply writes
// beside those of its records.

import { RuntimeError } from "../../runtime/errors.ts";
import type { Tables, TableWrite } from "../../runtime/system.ts";
import { type Page, type PageRequest, pageOf } from "../http/services/paging.ts";
import type { Present } from "./build.ts";
import { packLimits } from "./limits.ts";
import { type PackRow, type PackVersion, packTables } from "./records.ts";

const ID = /^pk_[A-Za-z0-9]{1,61}$/;

/** The row of a pack. @throws NOT_FOUND. */
export async function loadPack(
  tables: Tables,
  tenant: string,
  id: string,
): Promise<{ readonly row: PackRow; readonly revision: string }> {
  const found = ID.test(id) ? await tables.get(tenant, packTables.packs, id) : undefined;
  if (found !== undefined) return { row: found.value as PackRow, revision: found.revision };
  throw new RuntimeError("NOT_FOUND", `Pack ${id.slice(0, 64)} does not exist.`);
}

/** The pack of a name as it is, or null. */
export async function presentPack(
  tables: Tables,
  tenant: string,
  name: string,
): Promise<Present | null> {
  const named = await tables.get(tenant, packTables.names, name);
  if (named === undefined) return null;
  const { id } = named.value as { readonly id: string };
  const { row, revision } = await loadPack(tables, tenant, id);
  return { row, revision, version: await packVersion(tables, tenant, row, row.version) };
}

/** A version that is kept. @throws NOT_FOUND. */
export async function packVersion(
  tables: Tables,
  tenant: string,
  { id, name }: PackRow,
  version: number,
): Promise<PackVersion> {
  const found = await tables.get(tenant, packTables.versions, versionRow(id, version));
  if (found !== undefined) return found.value as PackVersion;
  throw new RuntimeError("NOT_FOUND", `Pack ${name} has no version ${version} that is kept.`);
}

/** Packs in order of creation. */
export async function listPacks(
  tables: Tables,
  tenant: string,
  { limit, after }: PageRequest,
): Promise<Page<PackRow>> {
  const range = { limit: limit + 1, ...(after === undefined ? {} : { after }) };
  const rows = await tables.list(tenant, packTables.packs, range);
  return pageOf(rows, limit, { id: (row) => row.id, item: (row) => row.value as PackRow });
}

/** What stores a version of a pack. @throws CONFLICT when the tenant has as many packs as it may. */
export async function packWrites(
  tables: Tables,
  tenant: string,
  {
    present,
    row,
    version,
  }: {
    readonly present: Present | null;
    readonly row: PackRow;
    readonly version: PackVersion;
  },
): Promise<readonly TableWrite[]> {
  const { id, name } = row;
  const gone = (present?.row.versions ?? []).filter(
    (one) => !row.versions.some((kept) => kept.version === one.version),
  );
  const isNew = present === null;
  if (isNew && (await tables.counter(tenant, packTables.counter)) >= packLimits.packs) {
    const text = `A tenant has at most ${packLimits.packs} packs; remove one first.`;
    throw new RuntimeError("CONFLICT", text, { limit: packLimits.packs });
  }
  return [
    {
      ...{ type: "put-if", table: packTables.packs, id, value: row },
      revision: present?.revision ?? null,
    },
    { type: "put", table: packTables.versions, id: versionRow(id, row.version), value: version },
    ...gone.map((one): TableWrite => {
      return { type: "remove", table: packTables.versions, id: versionRow(id, one.version) };
    }),
    ...(isNew ? newName(name, id) : []),
  ];
}

/** What removes a pack. */
export function packRemovals({ row, revision }: Present): readonly TableWrite[] {
  const { id, name, versions } = row;
  return [
    { type: "remove", table: packTables.packs, id, revision },
    { type: "remove", table: packTables.names, id: name },
    ...versions.map(({ version }): TableWrite => {
      return { type: "remove", table: packTables.versions, id: versionRow(id, version) };
    }),
    { type: "add", counter: packTables.counter, delta: -1 },
  ];
}

function newName(name: string, id: string): readonly TableWrite[] {
  return [
    { type: "put-if", table: packTables.names, id: name, value: { id }, revision: null },
    { type: "add", counter: packTables.counter, delta: 1 },
  ];
}

const versionRow = (id: string, version: number): string =>
  `${id}.${String(version).padStart(8, "0")}`;
