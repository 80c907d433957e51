// Engines at work on main: their drivers with what these need of the server. Loaded when the first one is asked.

import type { EngineWorks, WorkTask } from "../actors/engines/works.ts";
import { createPrices } from "../actors/money/catalogue.ts";
import { RuntimeError } from "../runtime/errors.ts";
import type { RunningSystem } from "../runtime/pool.ts";
import type { Tables } from "../runtime/system.ts";
import type { Config } from "./config.ts";
import { priceListOf } from "./config-prices.ts";
import { closedBy } from "./data-folder.ts";
import { createEgress } from "./egress.ts";
import { createEngines, type FoundEngine } from "./engines/engines.ts";
import { findEngine, findTarget } from "./targets/found.ts";
import type { Machines } from "./targets/machines.ts";
import { createWeb } from "./web.ts";

/** What they need. */
interface WorksOptions {
  readonly config: Config;
  readonly system: Pick<RunningSystem, "tables">;
  readonly machines: Machines;
}

/** Makes them. */
export function openEngineWorks({
  config,
  system: { tables },
  machines,
}: WorksOptions): EngineWorks & { end(): Promise<void> } {
  const closed = closedBy(config.data);
  const egress = createEgress({ allowedHosts: config.tools.hosts, closed });
  return createEngines({
    find: (of) => foundBy(tables, of),
    spawner: (target) => {
      if (closed === undefined) return machines.spawner(target);
      throw new RuntimeError("EGRESS_REFUSED", `Nothing is done on targets: ${closed}.`);
    },
    web: createWeb(egress),
    prices: createPrices(priceListOf(config)),
  });
}

/** Whoever is granted an engine works where its owner says; elsewhere where the tenant itself may. */
async function foundBy(
  tables: Pick<Tables, "get">,
  { tenant, engine: id, target: asked }: Pick<WorkTask, "tenant" | "engine" | "target">,
): Promise<FoundEngine> {
  const engine = await findEngine(tables, { tenant, id });
  const own = engine.record.target;
  const place = asked ?? own;
  if (place === undefined) {
    throw new RuntimeError("INVALID", `The engine ${engine.record.name} has no target.`);
  }
  const isOwnTarget = place === own;
  const by = isOwnTarget ? engine.owner : tenant;
  return { engine, isOwnTarget, target: await findTarget(tables, { tenant: by, id: place }) };
}
