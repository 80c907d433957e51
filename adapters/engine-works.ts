// Engines at work on main: their drivers with what these need of the server. Loaded when the first one is asked.

import type { EngineWorks } from "../actors/engines/works.ts";
import { createPrices } from "../actors/money/catalogue.ts";
import type { ResourceRecord } from "../actors/records/resource.ts";
import type { TargetInput } from "../actors/records/target.ts";
import { RuntimeError } from "../runtime/errors.ts";
import type { RunningSystem } from "../runtime/pool.ts";
import type { Config } from "./config.ts";
import { priceListOf } from "./config-prices.ts";
import { closedBy } from "./data-folder.ts";
import { createEgress } from "./egress.ts";
import { createEngines } from "./engines/engines.ts";
import type { TargetHost } from "./targets/host.ts";
import type { Spawner } from "./targets/spawner.ts";
import { createWeb } from "./web.ts";

/** Makes them. */
export function openEngineWorks({
  config,
  system,
  targets,
}: {
  readonly config: Config;
  readonly system: Pick<RunningSystem, "tables">;
  targets(): Promise<TargetHost>;
}): EngineWorks & { end(): Promise<void> } {
  const closed = closedBy(config.data);
  const egress = createEgress({ allowedHosts: config.tools.hosts, closed });
  /** Its machine is known when something is started there. */
  const spawner = (record: ResourceRecord<TargetInput>): Spawner => ({
    start: async (...of) => {
      if (closed === undefined) {
        return await (await targets()).machines.spawner({ record, owner: "" }).start(...of);
      }
      const message = `The target ${record.name} is not worked on: ${closed}.`;
      throw new RuntimeError("EGRESS_REFUSED", message);
    },
  });
  return createEngines({
    tables: system.tables,
    spawner,
    web: createWeb(egress),
    prices: createPrices(priceListOf(config)),
  });
}
