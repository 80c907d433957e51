// Resources in the tenant's tables: loading one, and committing its next version in one write with
// its history, on condition of the revision it was made from.

import { limits } from "../../../actors/limits.ts";
import { type VersionEntry, versionId } from "../../../actors/records/agent-version.ts";
import {
  type ResourceHistory,
  type ResourceKind,
  type ResourceRow,
  resourceTables,
} from "../../../actors/records/resource.ts";
import { droppableVersions, versionsWith } from "../../../actors/version-history.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import type { Tables, TableWrite } from "../../../runtime/system.ts";
import type { RecordIndex } from "../services/record-index.ts";

const RETRY_AFTER_MS = 60_000;

/** A resource as read, with the revision a change of it is conditional on. */
export interface LoadedResource<Input> {
  readonly row: ResourceRow<Input>;
  readonly revision: string;
}

/** A version that is stored. */
export interface ResourceChange<Input> {
  readonly tenant: string;
  readonly from: LoadedResource<Input> | null;
  readonly row: ResourceRow<Input>;
  readonly reason: VersionEntry["reason"];
  readonly restored?: number;
  /** Versions that other records name and that are kept therefore. */
  named(): Promise<readonly number[]>;
  readonly more: readonly TableWrite[];
  readonly nowMs: number;
}

/** Reads and conditional writes of one kind. */
export interface ResourceStore<Input> {
  /** @throws NOT_FOUND. */
  load(tenant: string, id: string): Promise<LoadedResource<Input>>;
  /** @throws NOT_FOUND for one that is not kept. */
  version(tenant: string, id: string, version: number): Promise<ResourceRow<Input>>;
  /** The kept versions, ascending. */
  history(tenant: string, id: string): Promise<readonly VersionEntry[]>;
  /**
   * @returns versions that are not kept any more.
   * @throws CONFLICT when the tenant has as many as it may; RATE_LIMITED, REVISION_MISMATCH.
   */
  commit(change: ResourceChange<Input>): Promise<readonly number[]>;
  /** Versions stay: runs that were started with one finish on it. */
  remove(tenant: string, from: LoadedResource<Input>, more: readonly TableWrite[]): Promise<void>;
}

/** The store of a kind. */
export function createResourceStore<Input extends object>(
  { tables, index }: { readonly tables: Tables; readonly index: Pick<RecordIndex, "changed"> },
  kind: ResourceKind<Input>,
): ResourceStore<Input> {
  const names = resourceTables(kind);
  const id = new RegExp(`^${kind.prefix}_[A-Za-z0-9]{1,61}$`);
  const history = async (tenant: string, of: string): Promise<readonly VersionEntry[]> => {
    const row = await tables.get(tenant, names.histories, of);
    return row === undefined ? [] : (row.value as ResourceHistory).versions;
  };
  const write = async (tenant: string, of: string, writes: readonly TableWrite[]) => {
    try {
      await tables.write(tenant, writes);
    } finally {
      // A write that failed may be there even so.
      index.changed(tenant, names.current, of);
    }
  };
  return {
    load: async (tenant, of) => {
      const found = id.test(of) ? await tables.get(tenant, names.current, of) : undefined;
      if (found === undefined) throw unknownResource(kind, of);
      return { row: found.value as ResourceRow<Input>, revision: found.revision };
    },
    version: async (tenant, of, version) => {
      const found = await tables.get(tenant, names.versions, versionId(of, version));
      if (found !== undefined) return found.value as ResourceRow<Input>;
      throw new RuntimeError("NOT_FOUND", `${titleOf(kind)} ${of} has no version ${version}.`);
    },
    history,
    commit: async (change) => {
      const { tenant, from, row, more } = change;
      const { id: of } = row.record;
      if (from === null) await checkRoom(tables, tenant, kind);
      const kept = from === null ? [] : await history(tenant, of);
      const { versions, dropped } = await versionsAfter(kept, change);
      await write(tenant, of, [
        {
          ...{ type: "put-if", table: names.current, id: of, value: row },
          revision: from?.revision ?? null,
        },
        { type: "put", table: names.versions, id: versionId(of, row.version), value: row },
        { type: "put", table: names.histories, id: of, value: { versions } },
        ...dropped.map((version): TableWrite => {
          return { type: "remove", table: names.versions, id: versionId(of, version) };
        }),
        ...(from === null ? [{ type: "add", counter: kind.path, delta: 1 } as const] : []),
        ...more,
      ]);
      return dropped;
    },
    remove: async (tenant, { row, revision }, more) => {
      const { id: of } = row.record;
      await write(tenant, of, [
        { type: "remove", table: names.current, id: of, revision },
        { type: "add", counter: kind.path, delta: -1 },
        ...more,
      ]);
    },
  };
}

/** "Team" of "team". */
export function titleOf({ name }: { readonly name: string }): string {
  return name.charAt(0).toUpperCase() + name.slice(1);
}

/** The error of a record that does not exist, or that is another tenant's. */
export function unknownResource(kind: { readonly name: string }, id: string): RuntimeError {
  return new RuntimeError("NOT_FOUND", `${titleOf(kind)} ${id.slice(0, 64)} does not exist.`);
}

async function checkRoom(
  tables: Tables,
  tenant: string,
  { name, path, max }: Pick<ResourceKind<object>, "name" | "path" | "max">,
): Promise<void> {
  if ((await tables.counter(tenant, path)) < max) return;
  const message = `A tenant has at most ${max} ${path}; remove a ${name} first.`;
  throw new RuntimeError("CONFLICT", message, { limit: max });
}

async function versionsAfter<Input extends object>(
  kept: readonly VersionEntry[],
  { from, row, reason, restored, named, nowMs }: ResourceChange<Input>,
): Promise<{ readonly versions: readonly VersionEntry[]; readonly dropped: readonly number[] }> {
  const entry: VersionEntry = {
    version: row.version,
    at: row.record.updated_at,
    reason,
    ...(restored === undefined ? {} : { restored }),
  };
  const now = [row.version];
  const was = from === null ? [] : [from.row.version];
  const all = versionsWith(kept, { was, now, entry }, nowMs);
  const drop = (inUse: readonly number[]): readonly VersionEntry[] =>
    droppableVersions(all, inUse, nowMs);
  // Who names which is looked up only where something would go.
  const dropped = drop(now).length === 0 ? [] : drop([...now, ...(await named())]);
  const numbers = new Set(dropped.map(({ version }) => version));
  const versions = all.filter(({ version }) => !numbers.has(version));
  if (versions.length > limits.versionsMax) {
    const of = row.record.id;
    const text = `${limits.versionsMax} versions of ${of} are in use; change it less often.`;
    throw new RuntimeError("RATE_LIMITED", text, { retryAfterMs: RETRY_AFTER_MS });
  }
  return { versions, dropped: [...numbers] };
}
