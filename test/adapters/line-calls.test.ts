// Calls of an engine to main, and the channels port over them.

import { expect, test } from "vitest";
import type { Channels } from "../../actors/channels/port.ts";
import { farPort, serveFarPort } from "../../adapters/far-port.ts";
import { farChannels } from "../../adapters/far-ports.ts";
import { callsOver, type Serve, serveCalls } from "../../adapters/line-calls.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { settleable } from "../../runtime/shared/settleable.ts";
import type { HostLine } from "../../runtime/threads/host.ts";
import { noChannels } from "../support/no-ingest.ts";

/** Two ends; what is sent is cloned and arrives later, as between threads. */
function pair(): readonly [HostLine, HostLine] {
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
  return [end(0), end(1)];
}

function linked(serve: Serve, callsMax?: number) {
  const [near, engine] = pair();
  const served = serveCalls(near, serve);
  near.receive(served.take);
  return { calls: callsOver(engine, callsMax), served };
}

test("a call is answered with what main gave, also when a later one is answered first", async () => {
  const first = settleable<string>();
  const { calls } = linked(async (method) => (method === "slow" ? await first.promise : "quick"));

  const slow = calls.call("slow", {});
  expect(await calls.call("quick", {})).toBe("quick");
  first.resolve("slow at last");

  expect(await slow).toBe("slow at last");
});

test("an error keeps its code and what it says of itself", async () => {
  const { calls } = linked(() => {
    const details = { retryAfterMs: 50 };
    return Promise.reject(new RuntimeError("RATE_LIMITED", "Too fast.", details));
  });

  const refused = calls.call("send", {});

  await expect(refused).rejects.toMatchObject({
    ...{ code: "RATE_LIMITED", message: "Too fast.", details: { retryAfterMs: 50 } },
  });
});

test("who gives up a call is told at once, and main stops with it", async () => {
  const stopped = settleable<unknown>();
  const { calls } = linked((_method, _input, signal) => {
    signal.addEventListener("abort", () => stopped.resolve(signal.reason), { once: true });
    return new Promise(() => undefined);
  });
  const leave = new AbortController();
  const call = calls.call("send", {}, leave.signal);

  leave.abort(new RuntimeError("DEADLINE", "It took too long."));

  await expect(call).rejects.toMatchObject({ code: "DEADLINE" });
  expect(await stopped.promise).toMatchObject({ code: "CANCELLED" });
});

test("as many calls are under way as the limit says; one more is refused until one is over", async () => {
  const first = settleable<string>();
  const { calls } = linked(() => first.promise, 2);
  const both = [calls.call("a", {}), calls.call("b", {})];

  await expect(calls.call("c", {})).rejects.toMatchObject({ code: "MAILBOX_FULL" });
  first.resolve("done");
  await Promise.all(both);

  expect(await calls.call("d", {})).toBe("done");
});

test("what an engine had asked for is given up when it is gone", async () => {
  const stopped = settleable<void>();
  const asked = settleable<void>();
  const { calls, served } = linked((_method, _input, signal) => {
    signal.addEventListener("abort", () => stopped.resolve(), { once: true });
    asked.resolve();
    return new Promise(() => undefined);
  });
  void calls.call("send", {});
  await asked.promise;

  served.end();

  await stopped.promise;
});

test("channels are asked through the line, what came before they were there included", async () => {
  const [near, engine] = pair();
  const main = settleable<Channels>();
  const typed = settleable<unknown>();
  serveFarPort(near, farChannels, () => main.promise);
  const port = farPort(engine, farChannels);
  const outgoing = { text: "Hello" };

  const rendered = port.render({ tenant: "tn_a", channel: "ch_a", outgoing });
  main.resolve({
    ...noChannels,
    render: async ({ outgoing: { text } }) => [{ body: { text }, plain: text }],
    typing: (of) => typed.resolve(of),
  });
  port.typing({ tenant: "tn_a", channel: "ch_a", address: { to: "me" } });

  expect(await rendered).toEqual([{ body: { text: "Hello" }, plain: "Hello" }]);
  expect(await typed.promise).toEqual({ tenant: "tn_a", channel: "ch_a", address: { to: "me" } });
});

test("where there is no main thread nothing is sent", async () => {
  const of = { tenant: "tn_a", channel: "ch_a", outgoing: { text: "Hello" } };

  await expect(farPort(undefined, farChannels).render(of)).rejects.toMatchObject({
    code: "NOT_FOUND",
  });
});
