// The gateway of a server that may never need one: opened by the first request, call or record, or by a
// start that finds a channel. Small, because every start loads it.

import type { Channels } from "../../actors/channels/port.ts";
import type { Gateway, GatewayParts } from "./gateway.ts";

/** The gateway, when it is asked for. */
export interface LaterGateway {
  /** @throws CONFIG_INVALID, and what the storage throws: asked again, it is tried again. */
  open(): Promise<Gateway>;
  /** The one that is open; null: none is. */
  now(): Gateway | null;
  /** The port of it: opened by the first call. */
  port(): Promise<Channels>;
  /** A record has changed. */
  changed(tenant: string, id: string): Promise<void>;
  close(): Promise<void>;
}

/** Makes it. */
export function laterGateway(parts: GatewayParts): LaterGateway {
  let opening: Promise<Gateway> | undefined;
  let opened: Gateway | null = null;
  let isClosed = false;
  const open = (): Promise<Gateway> => {
    opening ??= import("./gateway.ts")
      .then((made) => made.openGateway(parts))
      .then(
        (gateway) => {
          opened = gateway;
          return gateway;
        },
        (error: unknown) => {
          opening = undefined;
          throw error;
        },
      );
    return opening;
  };
  return {
    open,
    now: () => (isClosed ? null : opened),
    port: async () => (await open()).port,
    changed: async (tenant, id) => {
      const gateway = await open();
      await gateway.accounts.changed(tenant, id);
    },
    close: async () => {
      isClosed = true;
      // One that could not be opened has nothing to close.
      const gateway = await opening?.catch(() => undefined);
      await gateway?.close();
    },
  };
}
