// The clock of a started server, which a test sets.

import type { Product } from "./product.ts";
import type { ClockSet } from "./set-clock.ts";

/** What the server is started with, so that its clock can be set. */
export const clockPreload = new URL("./set-clock.js", import.meta.url);

/** Sets the clock of every thread of the server. */
export function setServerClock({ server }: Product, byMs: number): Promise<void> {
  const { process: child } = server;
  return new Promise((resolve) => {
    child.once("message", () => resolve());
    const message: ClockSet = { setClockByMs: byMs };
    child.send(message);
  });
}
