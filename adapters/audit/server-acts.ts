// What the server tells of itself in the system's audit: that it was started and stopped, and which
// settings are other than at the start before, without secrets.

import { rm } from "node:fs/promises";
import { join } from "node:path";
import { systemTenant } from "../../actors/records/api-key.ts";
import type { BackupState } from "../../runtime/backup/backups.ts";
import type { Tables } from "../../runtime/system.ts";
import { RESTORED_FILE, readSmall } from "../data-folder.ts";
import { byServer } from "./act.ts";
import { auditWrites } from "./audit-writes.ts";
import { canonicalHash } from "./canonical.ts";
import { differenceOf, withoutSecrets } from "./redaction.ts";

/** Table of the settings of the last start, in the system's tenant. */
const settingsTable = "server-settings";
const lastRow = "last";

/** A start. */
export interface ServerStart {
  readonly version: string;
  /** How often the data folder has been started. */
  readonly boots: number;
  /** The whole configuration; plain data. */
  readonly settings: object;
}

/** Tells a start, and what it is configured otherwise by. */
export async function tellStart(tables: Tables, start: ServerStart): Promise<void> {
  const settings = withoutSecrets(plain(start.settings)) as Readonly<Record<string, unknown>>;
  const stored = await tables.get(systemTenant, settingsTable, lastRow);
  const before = stored?.value as Readonly<Record<string, unknown>> | undefined;
  const isOther = before !== undefined && differenceOf(before, settings) !== null;
  const { version, boots } = start;
  const details = { version, boots, node: process.version, settings: canonicalHash(settings) };
  const change = { action: "settings.change", subject: "server", before, after: settings };
  await tables.write(systemTenant, [
    { type: "put", table: settingsTable, id: lastRow, value: settings },
    ...(isOther ? auditWrites(byServer, change) : []),
    ...auditWrites(byServer, { action: "server.start", subject: "server", details }),
  ]);
}

/** Tells that it is told to stop. */
export async function tellStop(tables: Tables): Promise<void> {
  const what = { action: "server.stop", subject: "server" };
  await tables.write(systemTenant, auditWrites(byServer, what));
}

/** How a backup has ended, where it is told who began it. @param tenant in whose name that was. */
export async function tellBackup(
  tables: Pick<Tables, "write">,
  tenant: string,
  { status, path, withKeys, startedAt, progress, error }: BackupState,
): Promise<void> {
  const details = {
    ...{ path, with_keys: withKeys, started_at: startedAt },
    ...{ rows: progress.rows, bytes: progress.bytes },
    ...(error === null ? {} : { code: error.code }),
  };
  const what = { action: `backup.${status}`, subject: "server", details };
  await tables.write(tenant, auditWrites(byServer, what));
}

/** Tells, in the first start on it, that a data folder was made of a backup. */
export async function tellRestored(tables: Pick<Tables, "write">, folder: string): Promise<void> {
  const mark = await readSmall(folder, RESTORED_FILE);
  if (mark === null) return;
  const { restored_at, file, copy } = JSON.parse(mark) as Readonly<Record<string, unknown>>;
  const details = { restored_at: String(restored_at), file: String(file), copy: copy === true };
  const what = { action: "backup.restore", subject: "server", details };
  await tables.write(systemTenant, auditWrites(byServer, what));
  // Not told is worse than told twice.
  await rm(join(folder, RESTORED_FILE), { force: true });
}

/** As JSON has it: what is undefined is not there. */
const plain = (settings: object): unknown => JSON.parse(JSON.stringify(settings));
