// What a start does for packs: where a process died while it applied one, what it had begun is ended. A
// start that finds nothing loads nothing of packs but this.

import { systemTenant } from "../../actors/records/api-key.ts";
import type { Log } from "../../runtime/log.ts";
import type { System } from "../../runtime/system.ts";
import { appliesTable } from "./schemas.ts";

/**
 * So long the door stays closed for it, ms: nobody sees half a pack. What takes longer, as a document that
 * is put back does while its embedding model is not reached, goes on beside; a new process that others wait
 * for has less.
 */
export const recoverWaitMs = { atStart: 10_000, atHandOver: 1_000 } as const;

/** Ends what was left open, or goes on with it after `waitMs`. What cannot be ended now is tried again with the tenant's next apply. */
export async function recoverPacks(
  system: Pick<System, "tables">,
  packs: () => Promise<{ recover(): Promise<number> }>,
  log: Log,
  waitMs: number,
): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(() => {
      const text =
        "Applies of packs that were cut are not ended yet: half of them is seen meanwhile.";
      log.write("warn", text, { wait_ms: waitMs });
      resolve();
    }, waitMs);
  });
  await Promise.race([late, endOpen(system, packs, log)]);
  clearTimeout(timer);
}

async function endOpen(
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
