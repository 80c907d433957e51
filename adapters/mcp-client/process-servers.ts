// The processes of the operator's configuration as the port has them, on main: whoever names one must be a tenant
// that it is granted to. One that does not exist and one that is not granted look alike.

import type { McpServer, McpServers } from "../../actors/mcp/port.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import type { Log } from "../../runtime/log.ts";
import type { McpServerConfig } from "../config-mcp.ts";
import { ProcessServer } from "./process-server.ts";
import type { Session } from "./session.ts";

/** What they need. */
export interface ProcessServersOptions {
  readonly servers: readonly McpServerConfig[];
  /** Values of variables of this process. */
  environment(names: readonly string[]): Readonly<Record<string, string>>;
  readonly log: Log;
  /** Why none may be asked; default: they may be. */
  readonly closed?: string | undefined;
  readonly nowMs?: () => number;
}

/** Loaded when the first one is asked. */
export function createProcessServers(
  options: ProcessServersOptions,
): McpServers & { end(): Promise<void> } {
  const { servers, environment, log, closed, nowMs = Date.now } = options;
  const processes = new Map(
    servers.map((one) => {
      const { name, command, args, folder } = one;
      const env = () => ({ ...environment(["PATH"]), ...environment(one.env) });
      const own = {
        name,
        log,
        nowMs,
        command: () => ({ name, command, args, folder, env: env() }),
      };
      return [name, { tenants: one.tenants, process: new ProcessServer(own) }] as const;
    }),
  );
  const sessionOf = async ({ tenant, server = "" }: McpServer): Promise<Session> => {
    const found = processes.get(server);
    const isGranted = found?.tenants.some((one) => one === "*" || one === tenant) === true;
    if (found === undefined || !isGranted) {
      const message = `There is no tool server ${server.slice(0, 64)} for this tenant.`;
      throw new RuntimeError("NOT_FOUND", message);
    }
    if (closed !== undefined) {
      throw new RuntimeError(
        "EGRESS_REFUSED",
        `The tool server ${server} is not asked: ${closed}.`,
      );
    }
    return await found.process.session();
  };
  return {
    list: async (of, signal) => (await sessionOf(of)).list(of.tools, signal),
    call: async (of, signal) => (await sessionOf(of)).call(of, signal),
    end: async () => {
      await Promise.all([...processes.values()].map(({ process }) => process.end()));
    },
  };
}
