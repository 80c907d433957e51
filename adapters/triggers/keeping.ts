// What main does for triggers while the server runs: those of type `startup` are told of this start, once, files are
// watched for those of type `file_change`, and all
// schedules are looked at again when the machine's clock has been set back so far that what it showed was no time.

import { systemTables, systemTenant } from "../../actors/records/api-key.ts";
import { triggerKind, triggerLimits } from "../../actors/records/trigger.ts";
import { type Happened, triggerAddress } from "../../actors/triggers/state.ts";
import type { Log } from "../../runtime/log.ts";
import type { RunningSystem } from "../../runtime/pool.ts";
import type { System, TableRow } from "../../runtime/system.ts";
import { placeTables, type TriggerPlace } from "./places.ts";
import type { Watching } from "./watching.ts";

/** What it works with. */
export interface KeepingParts {
  readonly system: Pick<RunningSystem, "tables" | "ask" | "send" | "boots">;
  readonly log: Log;
  readonly watching: Pick<Watching, "begin" | "stop">;
  nowMs(): number;
}

const PAGE = 200;
const LOOK_MS = 60_000;

/** Does it. @returns what stops it. */
export function keepTriggers(parts: KeepingParts): () => void {
  const failed = (err: unknown): void =>
    parts.log.write("error", "Triggers could not all be looked at.", { err });
  let isStopped = false;
  const isOver = (): boolean => isStopped;
  tellStart(parts, isOver).catch(failed);
  watchAll(parts, isOver).catch(failed);
  let seenMs = parts.nowMs();
  const timer = setInterval(() => {
    const nowMs = parts.nowMs();
    const isBack = nowMs < seenMs - triggerLimits.backMs;
    seenMs = nowMs;
    if (isBack) lookAgain(parts, isOver).catch(failed);
  }, LOOK_MS).unref();
  return () => {
    isStopped = true;
    parts.watching.stop();
    clearInterval(timer);
  };
}

async function tellStart({ system, nowMs }: KeepingParts, isOver: () => boolean): Promise<void> {
  for await (const { value } of rowsOf(system.tables, systemTenant, placeTables.startup)) {
    if (isOver()) return;
    const { tenant, trigger } = value as TriggerPlace;
    const happened: Happened = {
      ...{ type: "happened", cause: "startup", key: `boot:${system.boots}`, atMs: nowMs() },
    };
    // One that was removed is not there, and has nothing to do.
    await system.ask(triggerAddress(tenant, trigger), happened).catch(() => undefined);
  }
}

async function watchAll({ system, watching }: KeepingParts, isOver: () => boolean): Promise<void> {
  for await (const { value } of rowsOf(system.tables, systemTenant, placeTables.file_change)) {
    if (isOver()) return;
    await watching.begin(value as TriggerPlace);
  }
}

/** Every schedule. */
async function lookAgain({ system }: KeepingParts, isOver: () => boolean): Promise<void> {
  for await (const { id: tenant } of rowsOf(system.tables, systemTenant, systemTables.tenants)) {
    for await (const { id } of rowsOf(system.tables, tenant, triggerKind.path)) {
      if (isOver()) return;
      await system.send(triggerAddress(tenant, id), { type: "due" });
    }
  }
}

async function* rowsOf(
  tables: System["tables"],
  tenant: string,
  table: string,
): AsyncGenerator<TableRow> {
  for (let after: string | undefined; ; ) {
    const page = { limit: PAGE, ...(after === undefined ? {} : { after }) };
    const rows = await tables.list(tenant, table, page);
    yield* rows;
    after = rows.at(-1)?.id;
    if (rows.length < PAGE) return;
  }
}
