// What a start does for packs: where a process died while it applied one, what it had begun is ended. A
// start that finds nothing loads nothing of packs but this.

import { systemTenant } from "../../actors/records/api-key.ts";
import type { Log } from "../../runtime/log.ts";
import type { System } from "../../runtime/system.ts";
import { appliesTable } from "./schemas.ts";

/** Ends what was left open. What cannot be ended now is tried again with the tenant's next apply. */
export async function recoverPacks(
  system: Pick<System, "tables">,
  packs: () => Promise<{ recover(): Promise<number> }>,
  log: Log,
): Promise<void> {
  try {
    const [open] = await system.tables.list(systemTenant, appliesTable, { limit: 1 });
    if (open === undefined) return;
    const ended = await (await packs()).recover();
    log.write("info", "Applies of packs that were cut have been ended.", { applies: ended });
  } catch (error) {
    log.write("warn", "Applies of packs that were cut could not be ended.", { err: error });
  }
}
