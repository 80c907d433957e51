// A start over in the same process, for what only a start does (compacting): the port stays open meanwhile and
// holds what arrives, so that nobody is refused who can wait. What is under way ends as when another process
// takes over.

import type { Log } from "../runtime/log.ts";
import type { RunningSystem } from "../runtime/pool.ts";
import type { EngineLines } from "./engine-lines.ts";
import type { Front } from "./front.ts";
import { handOverLimits } from "./hand-over.ts";
import { createHeldDoor, heldLimits } from "./http/restart/held-door.ts";
import type { TakeOver } from "./take-over.ts";

/** What ends. */
export interface Ending {
  readonly system: Pick<RunningSystem, "stop">;
  readonly front: Pick<Front, "door" | "server" | "opened">;
  readonly lines: Pick<EngineLines, "end">;
  readonly log: Log;
  /** Ends what goes on beside requests. */
  quiet(): Promise<void>;
}

/** Ends a life of the server. @returns what the next one begins with: its port, which is open. */
export async function endForAnother({
  system,
  front,
  lines,
  log,
  quiet,
}: Ending): Promise<TakeOver> {
  const { door, server, opened } = front;
  const held = createHeldDoor(heldLimits);
  opened.lead(held.door);
  // What can be sent twice and is cut is answered by the next life.
  door.stop(async (request) => await held.door.handle(request));
  server.retire();
  await quiet();
  await system.stop(handOverLimits.drainMs);
  await lines.end();
  const own: { door?: Parameters<typeof held.open>[0] } = {};
  return {
    ...{ free: Promise.resolve(), gone: Promise.resolve() },
    opened: (to, tables) => {
      own.door = to;
      opened.goOn(tables);
      return opened;
    },
    ready: () => {
      if (own.door === undefined) return;
      const heldMs = Math.round(held.open(own.door));
      opened.lead(own.door);
      server.unretire();
      log.write("warn", "The server answers again.", { held_ms: heldMs });
    },
  };
}
