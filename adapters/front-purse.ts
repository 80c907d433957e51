// The purse of calls of embedders and re-rankers, as main has it: loaded with the first of them.

import type { Prices } from "../actors/money/catalogue.ts";
import type { ProviderPurse } from "../actors/money/provider-call.ts";
import { newId } from "../runtime/id.ts";
import type { Log } from "../runtime/log.ts";
import type { System } from "../runtime/system.ts";
import type { EngineLines } from "./engine-lines.ts";

/** Tenants that are remembered as looked at; more are looked at each time. */
const TENANTS_MAX = 100_000;

/** The purse, and what finds calls of former starts. */
export interface FrontPurse extends ProviderPurse {
  /** Settles calls of a tenant that an earlier start of the server has left, as they were reserved. */
  recover(tenant: string): Promise<void>;
}

/** Makes it over a system; engines pay there, too. */
export function createFrontPurse(
  system: System,
  prices: Prices,
  { lines, diary: log }: { readonly lines: EngineLines; readonly diary: Log },
): FrontPurse {
  const life = newId("lf", Date.now());
  let loading: Promise<FrontPurse> | undefined;
  const load = async (): Promise<FrontPurse> => {
    const [{ createProviderPurse }, { recoverCalls }] = await Promise.all([
      import("./money/purse.ts"),
      import("./money/open-calls.ts"),
    ]);
    const purse = createProviderPurse({ system, prices, life, nowMs: Date.now, log });
    const recover = (tenant: string) => recoverCalls({ system, life }, tenant);
    const known = new Set<string>();
    return {
      recover,
      reserve: async (call, signal) => {
        // What an earlier start has left of a tenant is not to be waited for.
        const isNew = !known.has(call.tenant);
        if (known.size < TENANTS_MAX) known.add(call.tenant);
        if (isNew) await recover(call.tenant);
        return await purse.reserve(call, signal);
      },
    };
  };
  const loaded = (): Promise<FrontPurse> => {
    loading ??= load();
    return loading;
  };
  const purse: FrontPurse = {
    reserve: async (...of) => (await loaded()).reserve(...of),
    recover: async (tenant) => (await loaded()).recover(tenant),
  };
  lines.payAt(purse);
  return purse;
}
