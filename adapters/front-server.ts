// Opens the port: with TLS when it is set, and then keeps its certificate new.

import type { Log } from "../runtime/log.ts";
import type { Tables } from "../runtime/system.ts";
import { serverUrl } from "./cli/server-url.ts";
import type { Config } from "./config.ts";
import { createIsProxy } from "./http/client-address.ts";
import { chooseListen } from "./http/listen-any.ts";
import type { FrontDoor, Server } from "./http/server.ts";

/** What it stands on. */
export interface FrontServerOptions {
  readonly config: Pick<Config, "host" | "port" | "http" | "tls">;
  readonly door: FrontDoor;
  readonly log: Log;
  readonly tables: Pick<Tables, "write">;
  /** Another process has the port and goes. Default: nobody has it. */
  readonly isBeside?: boolean;
}

/** A port that is open. */
export interface FrontServer {
  readonly server: Server;
  /** Address for people and for curl. */
  readonly url: string;
  /** From now on requests go to another door. */
  lead(to: FrontDoor): void;
  /** Ends what goes on beside requests. */
  stop(): void;
  /** Has it go on. @param tables of the system that is behind the door by now. */
  goOn(tables: Pick<Tables, "write">): void;
}

/** Opens it. @throws CONFIG_INVALID when the port is taken or the certificate cannot be served. */
export async function openServer(options: FrontServerOptions): Promise<FrontServer> {
  const { config, log, isBeside = false } = options;
  let to = options.door;
  const door: FrontDoor = {
    handle: (request) => to.handle(request),
    upgrade: (request) => to.upgrade(request),
  };
  const lead = (other: FrontDoor): void => {
    to = other;
  };
  const { host, port, http: limits, tls } = config;
  const place = { host, port, limits, isBeside, isProxy: createIsProxy(limits.trustedProxies) };
  const at = (server: Server): string => serverUrl({ host, port: server.port, tls });
  if (tls === null) {
    const { listen } = await chooseListen(limits.headerBytesMax);
    const server = await listen({ ...place, door });
    return { server, url: at(server), lead, stop: () => undefined, goOn: () => undefined };
  }
  const [{ readTlsPair }, { keepTls }, { secureDoor }] = await Promise.all([
    import("./tls-pair.ts"),
    import("./tls-renewal.ts"),
    import("./http/secure-door.ts"),
  ]);
  const pair = await readTlsPair(tls);
  const transport = tls.minVersion === "1.2" ? "auto" : "node";
  const { listen } = await chooseListen(limits.headerBytesMax, transport);
  const server = await listen({ ...place, door: secureDoor(door), tls: pair });
  const keep = (tables: Pick<Tables, "write">) => keepTls({ pair, server, log, tables });
  let stop = keep(options.tables);
  return {
    ...{ server, url: at(server), lead },
    stop: () => stop(),
    goOn: (tables) => {
      stop = keep(tables);
    },
  };
}
