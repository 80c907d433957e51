// Removes everything of a tenant that lies on the disk: its rows, what the system's tenant has of it, its
// index files. Bounded slices, begun again at the next start after a crash; each part finds what is
// left by itself. Where it stands is told beside the tenant's record.

import { rm } from "node:fs/promises";
import { dirname } from "node:path";
import type { LineMessage } from "../../actors/lines/line.ts";
import { autonomousLine } from "../../actors/lines/waiting.ts";
import { systemTenant } from "../../actors/records/api-key.ts";
import { newPurge, purgesTable, type TenantPurge } from "../../actors/records/tenant.ts";
import { indexFolder } from "../knowledge/index-folder.ts";
import { COMPACTION_DUE, isCompactionDue } from "./due.ts";
import { findPurge } from "./records.ts";
import type { RemovalContext } from "./removal-context.ts";
import { removeSystemRows } from "./system-rows.ts";

/** It is told at most so often how far it is, ms. */
const TELL_MS = 1_000;

/** @throws what `signal` is aborted with, STORE_FULL. */
export async function removeAll(
  context: RemovalContext,
  tenant: string,
  signal: AbortSignal,
): Promise<void> {
  const { system, data, note } = context;
  // Its work is at rest by now. What copies of the folder and backups hold of it goes with its key.
  context.sealed?.destroy(tenant);
  let rows = await removeSystemRows(system.tables, tenant);
  let toldMs = context.nowMs();
  const onSlice = async (removed: number): Promise<void> => {
    if (context.nowMs() - toldMs < TELL_MS) return;
    toldMs = context.nowMs();
    await tell(context, tenant, { rows: rows + removed });
  };
  rows += await system.tenants.remove(tenant, { signal, onSlice });
  const gone: LineMessage = { type: "forget", tenant };
  await system.ask(autonomousLine, gone);
  await removeFiles(data, tenant);
  await tell(context, tenant, { rows, isDone: true });
  // Its age is how long the first one has waited.
  if (!(await isCompactionDue(data))) await note(COMPACTION_DUE, `${tenant}\n`);
}

/** Files of a tenant's collections. */
export async function removeFiles(data: string, tenant: string): Promise<void> {
  const folder = dirname(indexFolder(data, { tenant, collection: "c" }));
  await rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 10 });
}

/** Says how far a removal is. What an earlier life removed stays counted. */
async function tell(
  { system: { tables }, nowMs }: RemovalContext,
  tenant: string,
  { rows, isDone = false }: { readonly rows: number; readonly isDone?: boolean },
): Promise<void> {
  const at = new Date(nowMs()).toISOString();
  const purge = (await findPurge(tables, tenant)) ?? newPurge(at);
  const value: TenantPurge = {
    ...purge,
    rows_removed: Math.max(purge.rows_removed, rows),
    ...(isDone ? { phase: "compacting", removed_at: purge.removed_at ?? at } : {}),
  };
  await tables.write(systemTenant, [{ type: "put", table: purgesTable, id: tenant, value }]);
}
