// A storm of repeats while the server is killed: what a platform delivers comes more than once, at once and
// later, to a process that dies at moments that a seed chooses and is started again on its folder and port.

import { once } from "node:events";
import { createServer } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import type { Product } from "../product.ts";

/** A port of the loopback that nothing listens on. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("There is no port.");
  return address.port;
}

/** Kills and starts it, so many times; each life lasts some moment of `lifeMs` after it listens. */
export async function killed(
  product: Product,
  {
    kills,
    lifeMs,
    random,
  }: {
    readonly kills: number;
    readonly lifeMs: readonly [number, number];
    readonly random: () => number;
  },
): Promise<void> {
  const [leastMs, mostMs] = lifeMs;
  for (let kill = 0; kill < kills; kill += 1) {
    await pause(leastMs + random() * (mostMs - leastMs));
    await product.kill();
    await product.start();
  }
}
