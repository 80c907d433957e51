// Restarts that are asked for by signal, before anybody waits for one and while one is under way.

import { afterEach, expect, test } from "vitest";
import { listenToSignals, restartSignal } from "../../adapters/signals.ts";

const before = process.listeners("SIGUSR2");
afterEach(() => {
  for (const one of process.listeners("SIGUSR2")) {
    if (!before.includes(one)) process.off("SIGUSR2", one);
  }
});

const settled = (next: Promise<"restart">): Promise<unknown> =>
  Promise.race([next, new Promise((resolve) => setImmediate(() => resolve("waits")))]);

test("a restart that is asked for before the server waits for one is made when it does", async () => {
  const restarts = restartSignal();

  process.emit("SIGUSR2", "SIGUSR2");

  expect(await settled(restarts.next())).toBe("restart");
});

test("one that is asked for while another is under way is not made after it", async () => {
  const restarts = restartSignal();
  const next = restarts.next();

  process.emit("SIGUSR2", "SIGUSR2");
  expect(await settled(next)).toBe("restart");
  process.emit("SIGUSR2", "SIGUSR2");
  restarts.heeded();
  const later = restarts.next();

  expect(await settled(later)).toBe("waits");
  process.emit("SIGUSR2", "SIGUSR2");
  expect(await settled(later)).toBe("restart");
});

test("a server with a file outlives a SIGHUP that comes before anybody looks at files", () => {
  listenToSignals(true);
  expect(process.emit("SIGHUP")).toBe(true);
});
