// The port of channels of a host whose engine is there before its gateway.

import type { Channels } from "../../../actors/channels/port.ts";
import { farPort, serveFarPort } from "../../../adapters/far-port.ts";
import { farChannels } from "../../../adapters/far-ports.ts";
import { settleable } from "../../../runtime/shared/settleable.ts";
import type { HostLine } from "../../../runtime/threads/host.ts";

/** A port, and what tells it of main's. */
export interface LateChannels {
  readonly port: Channels;
  by(main: () => Promise<Channels>): void;
}

/** Over a line, as between threads: what is sent is cloned and comes later. */
export function lateChannels(): LateChannels {
  const takers: ((message: unknown) => void)[] = [() => undefined, () => undefined];
  const end = (own: number): HostLine => ({
    send: (message) => {
      const copy = structuredClone(message);
      setImmediate(() => takers[1 - own]?.(copy));
    },
    receive: (take) => {
      takers[own] = take;
    },
  });
  const main = settleable<() => Promise<Channels>>();
  serveFarPort(end(0), farChannels, async () => (await main.promise)());
  return { port: farPort(end(1), farChannels), by: (port) => main.resolve(port) };
}
