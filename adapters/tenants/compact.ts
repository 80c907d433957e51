// Compacts a data folder that no server has open, so that of removed tenants nothing is left in any file,
// and says so in their records: in the copy itself, which takes its place last.

import { rm } from "node:fs/promises";
import { join } from "node:path";
import { systemTables, systemTenant } from "../../actors/records/api-key.ts";
import {
  purgesTable,
  removedTenant,
  type StoredTenant,
  type TenantPurge,
} from "../../actors/records/tenant.ts";
import { decode, encode } from "../../runtime/store/codec.ts";
import {
  type Compaction,
  compactFolder,
  type Removed,
  type Rewritten,
} from "../../runtime/store/compact.ts";
import { keys, prefixRange } from "../../runtime/store/keys.ts";
import type { ChainEntry } from "../audit/chain.ts";
import { logTables } from "../audit/log-tables.ts";
import type { SealedData } from "../vault/sealing.ts";
import { compactionDone } from "./due.ts";
import { removeFiles } from "./remove-all.ts";
import { SystemRows } from "./system-rows.ts";

/** @throws as compactFolder; SECRET_UNREADABLE for a folder that is sealed, without its keys. */
export async function compactData(data: string, sealed?: SealedData): Promise<Compaction> {
  const at = new Date().toISOString();
  const goneRows = (removed: Removed) => new SystemRows((tenant) => removed.has(tenant));
  let rows: SystemRows | undefined;
  const done = await compactFolder(data, {
    sealer: sealed?.sealer,
    look: async (rowsOf, removed) => {
      rows = goneRows(removed);
      const { from, to } = prefixRange(keys.tableOf(systemTenant, logTables.entries), 1);
      for await (const { key, value } of rowsOf(from, to)) {
        rows.chained(key.slice(from.length), decode(value) as ChainEntry);
      }
    },
    rewrite: {
      system: systemTenant,
      row: (table, id, value, removed) => {
        rows ??= goneRows(removed);
        return rewritten(rows, { table, id, value, at }, removed);
      },
    },
    before: async (removed) => {
      for (const tenant of removed) {
        sealed?.destroy(tenant);
        await removeFiles(data, tenant);
      }
      if (removed.size > 0) await forgetVectors(data);
    },
  });
  await compactionDone(data);
  return done;
}

/** Vectors that were remembered are nobody's by name: all of them are made anew when they are wanted. */
async function forgetVectors(data: string): Promise<void> {
  await rm(join(data, "vectors"), { recursive: true, force: true });
}

/** What is left of a row of the system's tenant. */
function rewritten(
  rows: SystemRows,
  row: {
    readonly table: string;
    readonly id: string;
    readonly value: unknown;
    readonly at: string;
  },
  removed: Removed,
): Rewritten {
  const { table, id, value, at } = row;
  if (table === systemTables.tenants && removed.has(id)) {
    return { value: encode(removedTenant(value as StoredTenant)) };
  }
  if (table === purgesTable && removed.has(id)) {
    return { value: encode(purged(value as TenantPurge, at)) };
  }
  const left = rows.left(table, id, value);
  return typeof left === "string" ? left : { value: encode(left.value) };
}

/** What has only begun is over too: a compaction leaves out what the removal has not come to. */
function purged(purge: TenantPurge, at: string): TenantPurge {
  const removed_at = purge.removed_at ?? at;
  return { ...purge, phase: "done", removed_at, purged_at: at };
}
