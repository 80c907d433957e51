// Engines at work on main: their drivers with what these need of the server. Loaded when the first one is asked.

import type { EngineWorks } from "../actors/engines/works.ts";
import { type Figures, noteName } from "../actors/figures.ts";
import { createPrices } from "../actors/money/catalogue.ts";
import { RuntimeError } from "../runtime/errors.ts";
import type { RunningSystem } from "../runtime/pool.ts";
import type { Config } from "./config.ts";
import { priceListOf } from "./config-prices.ts";
import { closedBy } from "./data-folder.ts";
import { createEgress } from "./egress.ts";
import { createEngines } from "./engines/engines.ts";
import { findPlace } from "./targets/found.ts";
import type { Machines } from "./targets/machines.ts";
import { workEndedBy } from "./telemetry/noted-work.ts";
import { createWeb } from "./web.ts";

/** What they need. */
interface WorksOptions {
  readonly config: Config;
  readonly system: Pick<RunningSystem, "tables">;
  readonly machines: Machines;
  /** Where it is counted how work ends. */
  readonly figures: Figures;
}

/** Makes them. */
export function openEngineWorks({
  config,
  system: { tables },
  machines,
  figures,
}: WorksOptions): EngineWorks & { end(): Promise<void> } {
  const closed = closedBy(config.data);
  const egress = createEgress({ allowedHosts: config.tools.hosts, closed });
  return createEngines({
    find: (of) => findPlace(tables, of),
    spawner: (target) => {
      if (closed === undefined) return machines.spawner(target);
      throw new RuntimeError("EGRESS_REFUSED", `Nothing is done on targets: ${closed}.`);
    },
    web: createWeb(egress),
    prices: createPrices(priceListOf(config)),
    ended: (type, error, ms) => {
      const how = error === null ? "done" : workEndedBy(error);
      figures.note(noteName("engine", type, how), ms);
    },
  });
}
