// A line that goes dead without ending, as behind a router that has forgotten it.

import { once } from "node:events";
import { createServer, connect as dial, type Server, type Socket } from "node:net";

/** A relay in front of a server. */
export interface Hole {
  readonly port: number;
  /** From now on nothing comes through on the lines there are; new ones work. */
  swallow(): void;
  stop(): Promise<void>;
}

/** Of a port of the loopback. */
export async function startHole(port: number): Promise<Hole> {
  const relays: { readonly from: Socket; readonly to: Socket; isSwallowed: boolean }[] = [];
  const relay: Server = createServer((from) => {
    const to = dial(port, "127.0.0.1");
    const line = { from, to, isSwallowed: false };
    relays.push(line);
    from.on("data", (bytes) => void (line.isSwallowed || to.write(bytes)));
    to.on("data", (bytes) => void (line.isSwallowed || from.write(bytes)));
    for (const [one, other] of [
      [from, to],
      [to, from],
    ] as const) {
      one.on("error", () => undefined);
      one.on("close", () => other.destroy());
    }
  }).listen(0, "127.0.0.1");
  await once(relay, "listening");
  const address = relay.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return {
    port: address.port,
    swallow: () => {
      for (const line of relays) line.isSwallowed = true;
    },
    stop: async () => {
      for (const { from } of relays) from.destroy();
      relay.close();
    },
  };
}
