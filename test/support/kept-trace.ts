// A run's trace in the store, as the process keeps it.

import { expect } from "vitest";
import { createTraceKeeper } from "../../adapters/telemetry/trace-keeper.ts";
import type { System } from "../../runtime/system.ts";

/** Keeps it. */
export async function keptTrace(
  system: Pick<System, "run" | "log" | "tables">,
  tenant: string,
  run: string,
): Promise<void> {
  const keeper = createTraceKeeper({
    settings: { samplePercent: 100, slowMs: 1, keepDays: 1, runsMax: 1_000, bytesMax: 1e9 },
    ...{ system, log: { write: () => undefined }, limits: { settleMs: 0, everyMs: 1 } },
  });
  keeper.take({ runs: [{ tenant, run }], dropped: 0 });
  await expect.poll(() => keeper.figures().kept).toBe(1);
  await keeper.stop();
}
