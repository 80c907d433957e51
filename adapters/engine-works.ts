// Engines at work on main: their drivers with what these need of the server. Loaded when the first one is asked.

import { workLimits } from "../actors/engines/target-config.ts";
import type { EngineWorks } from "../actors/engines/works.ts";
import { createPrices } from "../actors/money/catalogue.ts";
import type { ResourceRecord } from "../actors/records/resource.ts";
import type { TargetInput } from "../actors/records/target.ts";
import { RuntimeError } from "../runtime/errors.ts";
import type { RunningSystem } from "../runtime/pool.ts";
import { type Config, childEnvironment } from "./config.ts";
import { priceListOf } from "./config-prices.ts";
import { closedBy } from "./data-folder.ts";
import { createEgress } from "./egress.ts";
import { createEngines } from "./engines/engines.ts";
import { Line } from "./targets/line.ts";
import { localSpawner } from "./targets/local.ts";
import { processLedger } from "./targets/process-ledger.ts";
import type { Spawner } from "./targets/spawner.ts";
import { createWeb } from "./web.ts";

/** Makes them. */
export function openEngineWorks({
  config,
  system,
}: {
  readonly config: Config;
  readonly system: Pick<RunningSystem, "tables">;
}): EngineWorks & { end(): Promise<void> } {
  const closed = closedBy(config.data);
  const egress = createEgress({ allowedHosts: config.tools.hosts, closed });
  const lines = new Map<string, Line>();
  const ledger = processLedger(config.data);
  const spawner = ({ id, name, type, config: own = {} }: ResourceRecord<TargetInput>): Spawner => {
    if (closed !== undefined) {
      throw new RuntimeError("EGRESS_REFUSED", `The target ${name} is not worked on: ${closed}.`);
    }
    if (type !== "local") throw new RuntimeError("INVALID", `No process is started on ${type}.`);
    const line = lines.get(id) ?? new Line(workLimits.processesWaiting);
    lines.set(id, line);
    return localSpawner({
      ...{ name, line, ledger, environment: childEnvironment },
      config: own as Parameters<typeof localSpawner>[0]["config"],
    });
  };
  return createEngines({
    tables: system.tables,
    spawner,
    web: createWeb(egress),
    prices: createPrices(priceListOf(config)),
  });
}
