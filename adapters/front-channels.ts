// Channels of the front door: opened beside a start that finds one, and what engines send through.

import type { Log } from "../runtime/log.ts";
import type { System } from "../runtime/system.ts";
import type { GatewaySettings } from "./channels/gateway.ts";
import type { Config } from "./config.ts";
import { closedBy } from "./data-folder.ts";
import type { EngineLines } from "./engine-lines.ts";
import type { Services } from "./http/services/services.ts";

/** What the operator says of channels. */
export function gatewaySettings(config: Config): GatewaySettings {
  const { hosts, middleware } = config.gateway;
  return { hosts, middleware, publicUrl: config.publicUrl, closed: closedBy(config.data) };
}

/** Takes what engines send over channels, and opens accounts where there are any. @returns what stops it. */
export async function keepChannels(of: {
  readonly config: Config;
  readonly lines: Pick<EngineLines, "sendBy">;
  readonly services: Services;
  readonly system: System;
  readonly log: Log;
}): Promise<() => void> {
  const { config, services, lines, system, log } = of;
  const { gateway } = services;
  lines.sendBy(gateway.port);
  try {
    const { middleware } = config.gateway;
    const { hasChannels } = await import("./channels/has-channels.ts");
    if (middleware !== null || (await hasChannels(system))) await gateway.open();
  } catch (error) {
    log.write("error", "The channels could not be opened; the next request tries it again.", {
      err: error,
    });
  }
  return () => void gateway.close();
}
