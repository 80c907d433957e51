// Opens the port: with TLS when it is set, and then keeps its certificate new.

import type { Log } from "../runtime/log.ts";
import type { Tables } from "../runtime/system.ts";
import { serverUrl } from "./cli/server-url.ts";
import type { Config } from "./config.ts";
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
  /** Ends what goes on beside requests. */
  stop(): void;
}

/** Opens it. @throws CONFIG_INVALID when the port is taken or the certificate cannot be served. */
export async function openServer(options: FrontServerOptions): Promise<FrontServer> {
  const { config, door, log, tables, isBeside = false } = options;
  const { host, port, http: limits, tls } = config;
  const at = (server: Server): string => serverUrl({ host, port: server.port, tls });
  if (tls === null) {
    const { listen } = await chooseListen(limits.headerBytesMax);
    const server = await listen({ host, port, limits, door, isBeside });
    return { server, url: at(server), stop: () => undefined };
  }
  const [{ readTlsPair }, { keepTls }, { secureDoor }] = await Promise.all([
    import("./tls-pair.ts"),
    import("./tls-renewal.ts"),
    import("./http/secure-door.ts"),
  ]);
  const pair = await readTlsPair(tls);
  const transport = tls.minVersion === "1.2" ? "auto" : "node";
  const { listen } = await chooseListen(limits.headerBytesMax, transport);
  const server = await listen({ host, port, limits, door: secureDoor(door), tls: pair, isBeside });
  return { server, url: at(server), stop: keepTls({ pair, server, log, tables }) };
}
