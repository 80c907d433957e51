// What main does for triggers while the server runs: those of type `startup` are told of this start, once, files are
// watched for those of type `file_change`, and all schedules are looked at again when the machine's clock has been set
// back so far that what it showed was no time, also while no server ran.

import { systemTables, systemTenant } from "../../actors/records/api-key.ts";
import { triggerKind, triggerLimits } from "../../actors/records/trigger.ts";
import { type Happened, triggerAddress } from "../../actors/triggers/state.ts";
import { errorTable, RuntimeError } from "../../runtime/errors.ts";
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
/** What the clock shows is written down so often, ms; a row of the system. */
const CLOCK_MS = 3_600_000;
const clockTable = "trigger-clock";
const CLOCK_ID = "seen";
/** How often a start is told, and how long is waited between two times. */
const TOLD_TIMES = 10;
const TOLD_AGAIN_MS = 5_000;

/** Does it. @returns what stops it. */
export function keepTriggers(parts: KeepingParts): () => void {
  const failed = (err: unknown): void =>
    parts.log.write("error", "Triggers could not all be looked at.", { err });
  let isStopped = false;
  const isOver = (): boolean => isStopped;
  tellStart(parts, isOver).catch(failed);
  watchAll(parts, isOver).catch(failed);
  const look = watchClock(parts, isOver);
  const timer = setInterval(() => look().catch(failed), LOOK_MS).unref();
  return () => {
    isStopped = true;
    parts.watching.stop();
    clearInterval(timer);
  };
}

/** A look at the clock: whether it went back, since the last look or since a server that ran before has looked. */
function watchClock(parts: KeepingParts, isOver: () => boolean): () => Promise<void> {
  const { tables } = parts.system;
  let isLooking = false;
  let seenMs: number | null = null;
  let writtenMs = 0;
  const look = async (): Promise<void> => {
    const row = seenMs === null ? await tables.get(systemTenant, clockTable, CLOCK_ID) : undefined;
    const beforeMs = seenMs ?? (row?.value as number | undefined) ?? 0;
    const nowMs = parts.nowMs();
    const isBack = nowMs < beforeMs - triggerLimits.backMs;
    if (isBack) await lookAgain(parts, isOver);
    if (isOver()) return;
    // Written when all have looked: who fails or dies before does it again.
    if (isBack || nowMs - writtenMs >= CLOCK_MS) {
      const write = { type: "put", table: clockTable, id: CLOCK_ID, value: nowMs } as const;
      await tables.write(systemTenant, [write]);
      writtenMs = nowMs;
    }
    seenMs = nowMs;
  };
  return async () => {
    if (isLooking) return;
    isLooking = true;
    await look().finally(() => {
      isLooking = false;
    });
  };
}

/** Tells those of type `startup`, and again those whose tenant or worker could not take it. */
async function tellStart(parts: KeepingParts, isOver: () => boolean): Promise<void> {
  const { system, log } = parts;
  let places: AsyncIterable<TriggerPlace> | readonly TriggerPlace[] = startups(system.tables);
  for (let pass = 1; ; pass += 1) {
    const again: TriggerPlace[] = [];
    for await (const place of places) {
      if (isOver()) return;
      if (!(await isTold(parts, place))) again.push(place);
    }
    if (again.length === 0) return;
    if (pass === TOLD_TIMES) {
      return log.write("error", "Triggers were not told of this start.", { count: again.length });
    }
    await new Promise<void>((resolve) => setTimeout(resolve, TOLD_AGAIN_MS).unref());
    places = again;
  }
}

async function* startups(tables: System["tables"]): AsyncGenerator<TriggerPlace> {
  for await (const { value } of rowsOf(tables, systemTenant, placeTables.startup)) {
    yield value as TriggerPlace;
  }
}

/** Whether there is nothing more to tell it. */
async function isTold(
  { system, nowMs }: KeepingParts,
  { tenant, trigger }: TriggerPlace,
): Promise<boolean> {
  const happened: Happened = {
    ...{ type: "happened", cause: "startup", key: `boot:${system.boots}`, atMs: nowMs() },
  };
  try {
    await system.ask(triggerAddress(tenant, trigger), happened);
    return true;
  } catch (error) {
    // One that was removed is not there, and has nothing to do.
    return error instanceof RuntimeError && !errorTable[error.code].retryable;
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
