// What a kind of resource adds to the code that all kinds share: checks that no schema can say, and
// which other records one names.

import type { ReadingParts } from "../../../actors/openapi/offered.ts";
import { type Changer, type Granted, isGranted } from "../../../actors/records/operator-record.ts";
import type { ResourceRow } from "../../../actors/records/resource.ts";
import { firstTenant } from "../../../actors/records/tenant.ts";
import type { FolderGrant } from "../../../actors/tools/folders.ts";
import { HIDDEN } from "../../../actors/tools/secret-headers.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import type { Tables, TableWrite } from "../../../runtime/system.ts";

/** Where a record is checked. */
export interface RulePlace {
  readonly tables: Tables;
  readonly tenant: string;
  /** Folders that the operator granted, to whichever tenants. */
  readonly folders: readonly FolderGrant[];
  /** The operator's tool servers, and who may name them. Absent: nobody knows here. */
  readonly toolServers?: readonly ServerGrant[] | undefined;
  /** Reads documents of tools. Absent: they are read when they are used. */
  readonly reading?: Omit<ReadingParts, "tenant"> | undefined;
  /** The record that is changed; null for a new one. */
  readonly id: string | null;
  /** Ids of the tenant's records of this kind that have a name. */
  named(name: string): Promise<readonly string[]>;
}

/** A tool server that is the operator's. */
export interface ServerGrant {
  readonly name: string;
  /** Ids, or "*" for all. */
  readonly tenants: readonly string[];
}

/** Rules of one kind. All of them are called while no other record of the tenant changes. */
export interface ResourceRules<Input extends object> {
  /** Whether somebody may make this of that, beside what the route's permission says; null: there is none. @throws FORBIDDEN. */
  permit?(
    by: Changer,
    change: { readonly before: Input | null; readonly after: Input | null },
  ): void;
  /** What no schema can say. @throws RuntimeError with `details.pointer`. */
  check?(input: Input, place: RulePlace): Promise<void> | void;
  /**
   * Records that one names: as what or where, and the id, or "id@3" for a version. None of them can be
   * removed meanwhile.
   * @throws RuntimeError with `details.pointer` for one that does not exist.
   */
  links?(input: Input, place: RulePlace): Promise<Links> | Links;
  /** What goes in one write with a record that is removed. */
  withRemoved?(input: Input, id: string): readonly TableWrite[];
  /** After versions of a record, or all of it, are not kept any more. */
  afterDropped?(place: DroppedPlace): Promise<void>;
}

/** A record that has fewer versions than before, or none. */
export interface DroppedPlace extends Pick<RulePlace, "tables" | "tenant"> {
  readonly id: string;
}

/** As what or where a record names another, and its id. */
export type Links = Readonly<Record<string, string>>;

/** Reads rows of a tenant as runs do. */
export function rowReader({
  tables,
  tenant,
}: Pick<RulePlace, "tables" | "tenant">): (table: string, id: string) => Promise<unknown> {
  return async (table, id) => (await tables.get(tenant, table, id))?.value;
}

/** Tables of current rows by the prefix of their ids. */
const tablesOfPrefix: Readonly<Record<string, KindOfPrefix>> = {
  ag: { table: "agents", name: "Agent" },
  ch: { table: "channels", name: "Channel" },
  cl: { table: "collections", name: "Collection" },
  en: { table: "engines", name: "Engine", isGranted: true },
  pr: { table: "prompts", name: "Prompt" },
  sk: { table: "skills", name: "Skill" },
  tg: { table: "targets", name: "Target", isGranted: true },
  tl: { table: "tools", name: "Tool" },
  tm: { table: "teams", name: "Team" },
  wf: { table: "workflows", name: "Workflow" },
};

interface KindOfPrefix {
  readonly table: string;
  readonly name: string;
  /** One of the first tenant's may be granted to others. */
  readonly isGranted?: true;
}

/**
 * Checks that a version of a record that is there is kept.
 * @throws INVALID with the pointer.
 */
export async function checkVersionExists(
  { tables, tenant }: { readonly tables: Tables; readonly tenant: string },
  id: string,
  { version, pointer }: { readonly version: string; readonly pointer: string },
): Promise<void> {
  const kind = tablesOfPrefix[id.slice(0, 2)];
  if (kind === undefined) return;
  const row = await tables.get(tenant, `${kind.table}-versions`, `${id}.${version}`);
  if (row !== undefined) return;
  throw new RuntimeError("INVALID", `${kind.name} ${id} has no version ${version}.`, { pointer });
}

/** @throws INVALID with the pointer of a secret that says nothing: it keeps one that is not stored. */
export function checkSecretsGiven(secrets: Readonly<Record<string, unknown>> = {}): void {
  for (const [name, secret] of Object.entries(secrets)) {
    if (secret !== HIDDEN) continue;
    const message = `"${HIDDEN}" keeps a secret that is stored, and there is none of this name.`;
    throw new RuntimeError("INVALID", message, { pointer: `/secrets/${name}` });
  }
}

const ID = /^([a-z]{2})_[A-Za-z0-9]{1,61}$/;

/**
 * Checks that a record exists in the tenant. Another tenant's looks like one that does not exist.
 * @param prefixes which kinds it may be of, e.g. ["ag", "tm"].
 * @throws INVALID with the pointer.
 */
export async function checkExists(
  { tables, tenant }: { readonly tables: Tables; readonly tenant: string },
  id: string,
  { prefixes, pointer }: { readonly prefixes: readonly string[]; readonly pointer: string },
): Promise<void> {
  const prefix = ID.exec(id)?.[1] ?? "";
  const kinds = prefixes.map((one) => tablesOfPrefix[one]);
  const kind = prefixes.includes(prefix) ? tablesOfPrefix[prefix] : undefined;
  const row = kind === undefined ? undefined : await tables.get(tenant, kind.table, id);
  if (row !== undefined) return;
  if (kind?.isGranted && (await hasGranted(tables, kind.table, { id, tenant }))) return;
  const names = kinds.flatMap((one) => (one === undefined ? [] : [one.name]));
  const name = kind?.name ?? names.join(" or ");
  throw new RuntimeError("INVALID", `${name} ${id.slice(0, 64)} does not exist.`, { pointer });
}

async function hasGranted(
  tables: Tables,
  table: string,
  { id, tenant }: { readonly id: string; readonly tenant: string },
): Promise<boolean> {
  const row = await tables.get(firstTenant, table, id);
  return row !== undefined && isGranted((row.value as ResourceRow<Granted>).record, tenant);
}
