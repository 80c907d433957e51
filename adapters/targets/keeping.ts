// What is done for targets without anybody asking: a little after a start processes that a server before this one left
// behind are ended, and targets that runs wait for are looked at again; from time to time all targets are.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { targetHealthTable, targetTables } from "../../actors/engines/wait-key.ts";
import { systemTables, systemTenant } from "../../actors/records/api-key.ts";
import type { ResourceRow } from "../../actors/records/resource.ts";
import type { TargetInput } from "../../actors/records/target.ts";
import { firstTenant } from "../../actors/records/tenant.ts";
import type { Log } from "../../runtime/log.ts";
import type { System, TableRow } from "../../runtime/system.ts";
import type { TargetHost } from "./host.ts";

/** What it works with. */
export interface TargetKeeping {
  readonly tables: System["tables"];
  /** The data folder. */
  readonly data: string;
  readonly log: Log;
  host(): Promise<TargetHost>;
}

const PAGE = 200;
/** Waits that were on their way when it was looked are found by the next look, ms. */
const AGAIN_MS = 10 * 60_000;
/** Between rounds of looks, ms; and how many targets of one tenant, but the operator, are looked at in one. */
const ROUND_MS = 5 * 60_000;
const OF_TENANT = 20;

/** Does it. @returns what stops it. */
export function keepTargets(parts: TargetKeeping): () => void {
  const { data, log, host } = parts;
  let isStopped = false;
  const failed = (err: unknown): void =>
    log.write("error", "Targets could not all be looked at.", { err });
  const begin = async (): Promise<void> => {
    if (existsSync(join(data, "processes"))) {
      const ended = await (await host()).ledger.sweep();
      if (ended > 0) log.write("warn", "Ended processes that an earlier server left.", { ended });
    }
    await lookAgain(parts, () => isStopped);
    await lookAround(parts, { round, isOver: () => isStopped });
  };
  let isRound = true;
  let round = 0;
  const over = (): void => {
    isRound = false;
  };
  begin().catch(failed).finally(over);
  // One that takes longer than the pause is not overtaken.
  const around = setInterval(() => {
    if (isRound) return;
    isRound = true;
    round += 1;
    lookAround(parts, { round, isOver: () => isStopped })
      .catch(failed)
      .finally(over);
  }, ROUND_MS).unref();
  const timer = setInterval(() => {
    lookAgain(parts, () => isStopped).catch(failed);
  }, AGAIN_MS).unref();
  return () => {
    isStopped = true;
    clearInterval(timer);
    clearInterval(around);
  };
}

async function lookAgain({ tables, host }: TargetKeeping, isOver: () => boolean): Promise<void> {
  for await (const { id: tenant } of rowsOf(tables, systemTenant, systemTables.tenants)) {
    for await (const { id } of rowsOf(tables, tenant, targetTables.waits)) {
      if (isOver()) return;
      const at = id.indexOf(".");
      const awaited = { tenant, target: id.slice(0, at), root: id.slice(at + 1) };
      (await host()).health.awaited(awaited);
    }
  }
}

/** At active targets, the operator's first; what is known of one that is gone is removed. */
async function lookAround({ tables, host }: TargetKeeping, around: Around): Promise<void> {
  const operators: TargetOf[] = [];
  const others: TargetOf[] = [];
  const known = new Set<string>();
  for await (const { id: tenant } of rowsOf(tables, systemTenant, systemTables.tenants)) {
    if (around.isOver()) return;
    const { all, active } = await targetsOf(tables, tenant);
    for (const { id } of active) known.add(id);
    if (tenant === firstTenant) operators.push(...active);
    else others.push(...turnOf(active, around.round));
    for await (const { id } of rowsOf(tables, tenant, targetHealthTable)) {
      if (!all.has(id))
        await tables.write(tenant, [{ type: "remove", table: targetHealthTable, id }]);
    }
  }
  if (operators.length + others.length === 0) return;
  const { closed, health } = await host();
  health.keep(known);
  if (closed === undefined) await health.round([...operators, ...others], around.isOver);
}

interface TargetOf {
  readonly tenant: string;
  readonly id: string;
}

/** One round of looks. */
interface Around {
  /** Counts. */
  readonly round: number;
  isOver(): boolean;
}

async function targetsOf(tables: System["tables"], tenant: string) {
  const all = new Set<string>();
  const active: TargetOf[] = [];
  for await (const { id, value } of rowsOf(tables, tenant, "targets")) {
    all.add(id);
    const { record } = value as ResourceRow<TargetInput>;
    if (record.is_active !== false) active.push({ tenant, id });
  }
  return { all, active };
}

/** Whose turn it is among the targets of a tenant that has many. */
function turnOf(active: readonly TargetOf[], round: number): readonly TargetOf[] {
  if (active.length <= OF_TENANT) return active;
  const from = (round * OF_TENANT) % active.length;
  return [...active.slice(from), ...active.slice(0, from)].slice(0, OF_TENANT);
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
