// A door that is not open yet: what waits at it is answered when it opens, is bounded in number and time, and
// whoever asks how the server is does not wait.

import { expect, onTestFinished, test } from "vitest";
import { createHeldDoor, heldLimits } from "../../adapters/http/restart/held-door.ts";
import { servers, testLimits } from "./servers.ts";

const GET = { method: "GET" } as const;

test.each(servers)(
  "what arrives before a door opens waits within its limits: %s",
  async (_name, listen) => {
    const held = createHeldDoor({ ...heldLimits, requestsMax: 2, waitMs: 30_000 });
    const server = await listen({
      host: "127.0.0.1",
      port: 0,
      limits: testLimits,
      door: held.door,
    });
    onTestFinished(() => server.close());
    const ask = (path: string) => fetch(`http://127.0.0.1:${server.port}${path}`, GET);

    const waiting = [ask("/a"), ask("/b")];
    await expect.poll(() => server.connections(), { timeout: 5_000 }).toBe(2);
    const [full, health, ready] = await Promise.all([
      ask("/c"),
      ask("/health"),
      ask("/health/ready"),
    ]);
    const state = await health.json();
    held.open({
      handle: ({ path }) => ({ status: 200, headers: {}, body: `here is ${path}` }),
      upgrade: async () => ({ status: 404, headers: {}, body: "" }),
    });
    const texts = await Promise.all(waiting.map(async (answer) => (await answer).text()));

    expect([full.status, full.headers.get("retry-after")]).toEqual([503, "1"]);
    expect(await full.json()).toMatchObject({ code: "SHUTTING_DOWN" });
    expect([health.status, ready.status]).toEqual([200, 503]);
    expect(state).toEqual({ status: "starting", live: true, ready: false });
    expect(texts).toEqual(["here is /a", "here is /b"]);
    expect(await (await ask("/c")).text()).toBe("here is /c");
  },
);

test.each(servers)("what waits too long is told to come again: %s", async (_name, listen) => {
  const held = createHeldDoor({ ...heldLimits, waitMs: 50 });
  const server = await listen({ host: "127.0.0.1", port: 0, limits: testLimits, door: held.door });
  onTestFinished(() => server.close());

  const late = await fetch(`http://127.0.0.1:${server.port}/a`, GET);

  expect([late.status, late.headers.get("retry-after")]).toEqual([503, "1"]);
  expect(await late.json()).toMatchObject({ detail: expect.stringMatching(/50 ms/) });
});
