// The start of a process that takes over from another: it listens beside that one and holds what comes,
// until the data folder is free and its own door is ready.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RuntimeError } from "../runtime/errors.ts";
import type { Log } from "../runtime/log.ts";
import type { System, Tables } from "../runtime/system.ts";
import type { Config } from "./config.ts";
import { type FrontServer, openServer } from "./front-server.ts";
import { listenForRelay } from "./http/listen-node.ts";
import { createHeldDoor, heldLimits } from "./http/restart/held-door.ts";
import type { FrontDoor } from "./http/server.ts";
import { Predecessor } from "./restart/predecessor.ts";

/** A port that is open before its door is. */
export interface TakeOver {
  /** Resolves when the data folder is free. */
  readonly free: Promise<void>;
  /** Resolves when the other process has ended: until then it sends requests on to this one. */
  readonly gone: Promise<void>;
  /** What is held waits for this door; call `ready` when it answers. */
  opened(door: FrontDoor, tables: Tables): FrontServer;
  ready(system: Pick<System, "follow" | "cancel">): void;
}

/** Listens. @throws CONFIG_INVALID when it cannot, CANCELLED when the other process has ended. */
export async function beginTakeOver(config: Config, log: Log): Promise<TakeOver> {
  const predecessor = new Predecessor({
    get connected() {
      return process.connected;
    },
    on: (event, take) => process.on(event, take),
    once: (event, take) => process.once(event, take),
    send: (message, sent) => process.send?.(message, undefined, {}, sent),
  });
  const held = createHeldDoor(heldLimits);
  const port = await predecessor.port;
  let door: FrontDoor | null = null;
  let tables: Pick<Tables, "write"> | null = null;
  const late: Pick<Tables, "write"> = {
    write: async (...of) => {
      if (tables === null) throw new RuntimeError("SHUTTING_DOWN", "The data folder is not open.");
      return await tables.write(...of);
    },
  };
  // Settings may name another port by now: that one is taken as at any start.
  const isBeside = config.port === 0 || config.port === port;
  const place = isBeside ? { ...config, port } : config;
  const opened = await openServer({ config: place, door: held.door, log, tables: late, isBeside });
  // Only this user may enter the folder, so only this user's processes relay.
  const folder = await mkdtemp(join(tmpdir(), "troupe-"));
  const path = join(folder, "relay");
  const relay = await listenForRelay({ path, limits: config.http, door: held.door });
  predecessor.gone
    .then(() => relay.close())
    .then(() => rm(folder, { recursive: true, force: true }))
    .catch((error: unknown) => {
      log.write("warn", "What was relayed at a restart could not be cleared away.", { err: error });
    });
  predecessor.listening(path);
  return {
    free: predecessor.gaveUp,
    gone: predecessor.gone,
    opened: (to, given) => {
      [door, tables] = [to, given];
      return opened;
    },
    ready: (system) => {
      const heldMs = door === null ? 0 : Math.round(held.open(door));
      predecessor.ready(system);
      log.write("warn", "This process has taken over.", { pid: process.pid, held_ms: heldMs });
    },
  };
}
