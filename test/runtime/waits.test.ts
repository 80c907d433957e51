// Who waits for whom: circles that a chain can see fail at once, the others are listed over all
// workers and end by their deadlines.

import { afterEach, expect, test } from "vitest";
import { type Definition, defineActor, defineRun, type RunEnded } from "../../runtime/actor.ts";
import type { Address } from "../../runtime/address.ts";
import type { Frame } from "../../runtime/frame.ts";
import { circlesOf, type WaitView } from "../../runtime/shared/look.ts";
import { TestSystem } from "../../runtime/testkit/test-system.ts";
import { at, collect, rootOn, startTestSystem, stopAll } from "../support/threads-system.ts";

afterEach(stopAll);

const wait = (from: string, to: string, since = 0): WaitView => ({
  ...{ from, to, since, run: `run-of-${from}`, tenant: "tn_1", step: "q", type: "ask" },
  ...{ until: 1_000, worker: 0 },
});

const namesOf = (waits: readonly WaitView[]): string[] =>
  circlesOf(waits, 10).map((circle) => circle.map(({ from }) => from).join(""));

test("circles are found, each once, among waits that lead nowhere", () => {
  expect(namesOf([wait("a", "b"), wait("b", "c"), wait("x", "y")])).toEqual([]);
  expect(
    namesOf([wait("a", "b", 3), wait("b", "c", 1), wait("c", "a", 2), wait("x", "a")]),
  ).toEqual(["bca"]);
  expect(namesOf([wait("a", "a")])).toEqual(["a"]);
  expect(namesOf([wait("a", "b"), wait("b", "a"), wait("c", "d"), wait("d", "c")])).toEqual([
    "ab",
    "cd",
  ]);
  const long = Array.from({ length: 20_000 }, (_, n) => wait(`${n}`, `${(n + 1) % 20_000}`));
  expect(circlesOf(long, 10).map((circle) => circle.length)).toEqual([20_000]);
});

test("an ask that would wait for itself fails at once, with the circle in order", async () => {
  const step = defineActor<null, { readonly next: readonly Address[] } | RunEnded>({
    kind: "step",
    version: 1,
    initial: () => null,
    receive(state, message, turn) {
      if ("type" in message) {
        turn.reply("ended");
        return state;
      }
      const run = turn.startRun({ kind: "walk", input: message.next });
      turn.reply({ run }, { follow: run });
      return state;
    },
  });
  const walk = defineRun<readonly Address[], unknown, unknown>({
    kind: "walk",
    run: async ([to, ...next], context) =>
      to === undefined ? "end" : await context.ask("on", to, { next }, { timeoutMs: 60_000 }),
  });
  const definitions: readonly Definition[] = [step, walk];
  const system = new TestSystem({ seed: 1, definitions });
  await system.start();
  const [a, b, c] = ["a", "b", "c"].map((root) => at("step", root)) as [Address, Address, Address];

  const frames = system.stream(a, { next: [b, c, b] });
  await system.schedule.advance(100);

  const end = (await frames).at(-1) as Frame & { type: "end" };
  const { status, error } = end.outcome as {
    status: string;
    error: { code: string; details: unknown };
  };
  expect([status, error.code]).toEqual(["failed", "CYCLE"]);
  const { cycle } = error.details as { readonly cycle: readonly Address[] };
  expect(cycle[0]).toBe(b);
  expect(cycle.at(-1)).toBe(b);
  expect(cycle.filter((one) => one === c)).toHaveLength(1);
  expect(cycle.every((one) => one.startsWith("step:") || one.startsWith("walk:"))).toBe(true);
});

test("a circle over two workers that no chain can see is listed, and ends by its deadlines", async () => {
  const { system } = await startTestSystem({ workers: 2 });
  const [one, two] = [rootOn("party", 0, 2), rootOn("party", 1, 2)];
  const ends = [
    collect(system.stream(one, { type: "start", to: two, timeoutMs: 3_000 })),
    collect(system.stream(two, { type: "start", to: one, timeoutMs: 3_000 })),
  ];

  const circle = await until(async () => {
    const { waits } = await system.look({ type: "waits", limit: 100 });
    return circlesOf(waits, 10)[0];
  });
  const tree = await system.look({ type: "tree", tenant: "tn_1", root: "r0", limit: 100 });
  const codes = (await Promise.all(ends)).map((frames) => frames.at(-1));

  expect(new Set(circle.map(({ from }) => from))).toEqual(new Set([one, two]));
  expect(new Set(circle.map(({ to }) => to))).toEqual(new Set([one, two]));
  expect(new Set(circle.map(({ worker }) => worker))).toEqual(new Set([0, 1]));
  expect(circle.every(({ since, until: end }) => end - since > 1_000 && end - since <= 3_000)).toBe(
    true,
  );
  expect(tree.actors.length).toBeGreaterThan(0);
  // The first one's deadline ends both: the other is answered, or late too.
  expect(codes.map((end) => end?.type)).toEqual(["end", "end"]);
  expect(codes).toContainEqual(
    expect.objectContaining({ outcome: expect.objectContaining({ status: "failed" }) }),
  );
  await until(async () => {
    const { waits } = await system.look({ type: "waits", limit: 100 });
    return waits.length === 0 ? true : undefined;
  });
});

async function until<T>(look: () => Promise<T | undefined>): Promise<T> {
  const lateMs = Date.now() + 10_000;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (Date.now() > lateMs) throw new Error("It did not come to be.");
    await new Promise((resolve) => setImmediate(resolve));
  }
}
