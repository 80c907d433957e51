// The store of traces, put together: who keeps them, and who removes old ones of tenants in which nothing goes on.
// Loaded with the first run that ends.

import { traceCounters } from "../actors/trace/stored-trace.ts";
import type { Log } from "../runtime/log.ts";
import type { System } from "../runtime/system.ts";
import type { Config } from "./config.ts";
import type { KeyStore } from "./http/keys.ts";
import { createTraceKeeper, type TraceKeeper } from "./telemetry/trace-keeper.ts";

const TENANTS_AT_ONCE = 100;
const MIB = 1_024 * 1_024;

/** What it is put together from. */
export interface TraceKeepingParts {
  readonly config: Pick<Config, "telemetry">;
  readonly system: Pick<System, "run" | "log" | "tables">;
  readonly keys: Pick<KeyStore, "listTenants">;
  readonly log: Log;
}

/** A keeper that also goes through all tenants. */
export interface KeptTraces extends TraceKeeper {
  sweep(): Promise<void>;
}

/** Makes it. */
export function createKeptTraces({ config, system, keys, log }: TraceKeepingParts): KeptTraces {
  const { bytesMaxMib, ...rest } = config.telemetry.traces;
  const settings = { ...rest, bytesMax: bytesMaxMib * MIB };
  const keeper = createTraceKeeper({ settings, system, log });
  const sweep = async (): Promise<void> => {
    for (let after = ""; ; ) {
      const page = { limit: TENANTS_AT_ONCE, ...(after !== "" && { after }) };
      const tenants = await keys.listTenants(page);
      for (const { id } of tenants) {
        if ((await system.tables.counter(id, traceCounters.count)) > 0) await keeper.trim(id);
        after = id;
      }
      if (tenants.length < TENANTS_AT_ONCE) return;
    }
  };
  return {
    take: (batch) => keeper.take(batch),
    trim: (tenant) => keeper.trim(tenant),
    figures: () => keeper.figures(),
    stop: () => keeper.stop(),
    sweep,
  };
}
