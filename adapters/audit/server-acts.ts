// What the server tells of itself in the system's audit: that it was started and stopped, and which
// settings are other than at the start before, without secrets.

import { systemTenant } from "../../actors/records/api-key.ts";
import type { Tables } from "../../runtime/system.ts";
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

/** As JSON has it: what is undefined is not there. */
const plain = (settings: object): unknown => JSON.parse(JSON.stringify(settings));
