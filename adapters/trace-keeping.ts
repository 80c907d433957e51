// The store of traces, put together: who keeps them, who removes old ones of tenants in which nothing goes on, and
// who finds what was not read before a stop. Loaded with the first run that ends, or a while after a start.

import { setTimeout as wait } from "node:timers/promises";
import { traceCounters, traceTables } from "../actors/trace/stored-trace.ts";
import type { Log } from "../runtime/log.ts";
import type { System } from "../runtime/system.ts";
import type { Config } from "./config.ts";
import type { KeyStore } from "./http/keys.ts";
import type { EndedRun } from "./telemetry/ended-runs.ts";
import { createTraceKeeper, type TraceKeeper } from "./telemetry/trace-keeper.ts";

const TENANTS_AT_ONCE = 100;
/** After a start so many of a tenant's newest runs are looked at: they may have ended just before the last stop. */
const LOOKED_AT_MAX = 50;
/** Between the tenants that are looked at together, ms. */
const REST_MS = 250;
const DAY_MS = 86_400_000;
const MIB = 1_024 * 1_024;

/** What it is put together from. */
export interface TraceKeepingParts {
  readonly config: Pick<Config, "telemetry">;
  readonly system: Pick<System, "run" | "runs" | "log" | "tables">;
  readonly keys: Pick<KeyStore, "listTenants">;
  readonly log: Log;
}

/** A keeper that also goes through all tenants. */
export interface KeptTraces extends TraceKeeper {
  sweep(): Promise<void>;
  /** Takes what ended before the last stop, or crash, and was not read any more. */
  recover(): Promise<void>;
}

/** Makes it. */
export function createKeptTraces({ config, system, keys, log }: TraceKeepingParts): KeptTraces {
  const { bytesMaxMib, ...rest } = config.telemetry.traces;
  const settings = { ...rest, bytesMax: bytesMaxMib * MIB };
  const keeper = createTraceKeeper({ settings, system, log });
  let isStopped = false;
  const each = async (does: (tenant: string) => Promise<void>, restMs: number): Promise<void> => {
    for (let after = ""; !isStopped; ) {
      const page = { limit: TENANTS_AT_ONCE, ...(after !== "" && { after }) };
      const found = await keys.listTenants(page);
      for (const { id } of found) {
        after = id;
        if (!isStopped) await does(id);
      }
      if (found.length < TENANTS_AT_ONCE) return;
      await wait(restMs, undefined, { ref: false });
    }
  };
  return {
    take: (batch) => keeper.take(batch),
    trim: (tenant) => keeper.trim(tenant),
    figures: () => keeper.figures(),
    stop: async () => {
      isStopped = true;
      await keeper.stop();
    },
    sweep: async () =>
      await each(async (id) => {
        if ((await system.tables.counter(id, traceCounters.count)) > 0) await keeper.trim(id);
      }, 0),
    recover: async () =>
      await each(async (tenant) => {
        const runs = await unreadRuns(system, tenant, Date.now() - settings.keepDays * DAY_MS);
        if (runs.length > 0) keeper.take({ runs, dropped: 0 });
      }, REST_MS),
  };
}

/** The newest runs that have ended and are not older than what is kept: what was trimmed does not come again. */
async function unreadRuns(
  system: Pick<System, "runs" | "tables">,
  tenant: string,
  fromMs: number,
): Promise<readonly EndedRun[]> {
  const { tables } = system;
  const { rows } = await system.runs(tenant, { limit: LOOKED_AT_MAX });
  if (rows.length === 0) return [];
  const [oldest] = await tables.list(tenant, traceTables.traces, { limit: 1 });
  const kept = await tables.list(tenant, traceTables.traces, {
    limit: LOOKED_AT_MAX,
    reverse: true,
  });
  const known = new Set(kept.map(({ id }) => id));
  return rows.flatMap(({ id, endedAt }) =>
    endedAt !== null && endedAt >= fromMs && id > (oldest?.id ?? "") && !known.has(id)
      ? [{ tenant, run: id }]
      : [],
  );
}
