// Channels of the front door: opened beside a start that finds one, and what engines send through.

import type { Log } from "../runtime/log.ts";
import { settleable } from "../runtime/shared/settleable.ts";
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

/** What they are kept with. */
export interface KeptChannels {
  readonly config: Config;
  readonly lines: Pick<EngineLines, "sendBy">;
  readonly services: Services;
  readonly system: System;
  readonly log: Log;
  readonly preparation: Preparation | undefined;
  /** Takes a secret out of the log from now on. */
  addSecret(secret: string): void;
}

/** Takes what engines send over channels, and opens accounts where there are any. @returns what stops it. */
export async function keepChannels(of: KeptChannels): Promise<() => void> {
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
  const stop = configured(of);
  return () => {
    stop();
    void gateway.close();
  };
}

/** Keeps the channels of the configuration, and those that have left it. @returns what stops it. */
function configured({ config, services, system, log, ...of }: KeptChannels): () => void {
  let stop: (() => void) | null = null;
  let isStopped = false;
  const { channels, file } = config;
  const failed = (error: unknown): void => {
    if (isStopped) return;
    log.write("error", "The channels of the configuration could not be kept.", { err: error });
  };
  const held = (ending: () => void): void => {
    stop = ending;
    if (isStopped) stop();
  };
  const keep = async (hasChanged: boolean): Promise<void> => {
    const { keepConfigured } = await import("./channels/configured-keeping.ts");
    const { tables } = system;
    const { addSecret } = of;
    const parts = { tables, services, addSecret, file, channels, hasChanged, log };
    if (!isStopped) held(await keepConfigured(parts));
  };
  const begin = async (): Promise<void> => {
    await of.preparation?.over;
    const { hasConfigured } = await import("./channels/has-channels.ts");
    const isNeeded = Object.keys(channels).length > 0 || (await hasConfigured(system));
    if (isStopped) return;
    if (isNeeded) return await keep(false);
    if (file === null) return;
    const { waitForChannels } = await import("./channels/configured-later.ts");
    const waiting = await waitForChannels(file, () => void keep(true).catch(failed));
    if (stop === null) held(waiting);
  };
  begin().catch(failed);
  return () => {
    isStopped = true;
    stop?.();
  };
}

/** What a start makes beside answering. */
export interface Preparation {
  isOver(): boolean;
  readonly over: Promise<void>;
  end(): void;
}

/** One that is under way. */
export function createPreparation(): Preparation {
  const { promise, resolve } = settleable<void>();
  let isOver = false;
  return {
    isOver: () => isOver,
    over: promise,
    end: () => {
      isOver = true;
      resolve();
    },
  };
}
