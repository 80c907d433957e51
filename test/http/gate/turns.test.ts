// Those that wait at the gate are let in in the turns of the event loop's passes, and not all at once.

import { afterEach, expect, test } from "vitest";
import { type Asker, UNDER_WAY_MIN } from "../../../adapters/http/gate/lane.ts";
import { HELD_MS_MAX } from "../../../adapters/http/gate/quiet-tenants.ts";
import { BEGINS_MS, WorkGate } from "../../../adapters/http/gate/work-gate.ts";
import type { SystemLoad } from "../../../runtime/threads/loop-load.ts";

const away: AbortController[] = [];
afterEach(() => {
  for (const one of away.splice(0)) one.abort(new Error("The test is over."));
});
function asker(): Asker {
  const one = new AbortController();
  away.push(one);
  return { signal: one.signal };
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const busy = { busy: 1, passMs: 3 };
const saturated: SystemLoad = { ...busy, turns: busy, cpu: 1 };

/** A flood of requests at a gate of busy threads, with room for a few; each works so long at once. */
async function flood(
  workMs: number,
  load: () => SystemLoad = () => saturated,
): Promise<{
  gate: WorkGate;
  /** Requests that were let in after they had waited. */
  begun: () => number;
  endPass: () => Promise<void>;
  /** Time passes. */
  pass: (ms: number) => void;
}> {
  let nowMs = 1_000;
  let look = (): void => undefined;
  const deferred: (() => void)[] = [];
  const gate = new WorkGate({
    load,
    now: () => nowMs,
    every: (_, call) => {
      look = call;
      return () => undefined;
    },
    defer: (call) => deferred.push(call),
  });
  const endPass = async (): Promise<void> => {
    for (const call of deferred.splice(0)) call();
    await settled();
  };
  await gate.chats.enter("other", "key", asker());
  let begun = 0;
  const come = async (): Promise<void> => {
    await gate.requests.enter("loud", "key", asker());
    begun += 1;
    nowMs += workMs;
  };
  for (let at = 0; at < 50; at += 1) come().catch(() => undefined);
  await settled();
  expect(begun).toBe(UNDER_WAY_MIN);
  look();
  await endPass();
  for (let at = 0; at < UNDER_WAY_MIN; at += 1) gate.requests.leave("loud");
  await settled();
  const pass = (ms: number): void => {
    nowMs += ms;
  };
  return { gate, begun: () => begun - UNDER_WAY_MIN, endPass, pass };
}

test("one is let in in a pass when its work takes long, however many have room", async () => {
  const { begun, endPass } = await flood(BEGINS_MS);

  for (let pass = 1; pass <= UNDER_WAY_MIN; pass += 1) {
    expect(begun()).toBe(pass);
    await endPass();
  }
  expect(begun()).toBe(UNDER_WAY_MIN);
});

test("all that have room are let in in one pass when they have little to do", async () => {
  const { begun } = await flood(0);

  expect(begun()).toBe(UNDER_WAY_MIN);
});

test("whoever comes while there is room but not yet time goes behind those that wait", async () => {
  const { gate, begun } = await flood(BEGINS_MS);
  expect(begun()).toBe(1);

  expect(gate.requests.enter("loud", "key", asker())?.catch(() => 0)).toBeInstanceOf(Promise);
});

test("a quiet tenant that comes before the pass ends holds back those that have room in the next", async () => {
  const { gate, begun, endPass } = await flood(BEGINS_MS);

  expect(gate.chats.enter("quiet", "key", asker())).toBe(undefined);
  await endPass();
  await endPass();
  expect(begun()).toBe(1);

  gate.chats.leave("quiet");
  await settled();
  expect(begun()).toBe(2);
});

test("whoever leaves sends its answer before the next one's work begins", async () => {
  const { gate, begun } = await flood(0);
  const before = begun();
  let begunWhenSent = -1;

  const answer = async (): Promise<void> => {
    gate.requests.leave("loud");
    for (let step = 0; step < 20; step += 1) await undefined;
    begunWhenSent = begun();
  };
  await answer();
  await settled();

  expect(begunWhenSent).toBe(before);
  expect(begun()).toBeGreaterThan(before);
});

test.each([
  ["cores are idle", { turns: { busy: 0.3, passMs: 0.5 }, cpu: 0.6 }, HELD_MS_MAX.unloaded],
  ["cores are in use", { turns: { busy: 0.3, passMs: 0.5 }, cpu: 0.8 }, HELD_MS_MAX.loaded],
  [
    "the loops of turns are busy",
    { turns: { busy: 0.6, passMs: 0.5 }, cpu: 0.6 },
    HELD_MS_MAX.loaded,
  ],
  ["their passes take long", { turns: { busy: 0.3, passMs: 1.5 }, cpu: 0.6 }, HELD_MS_MAX.loaded],
])(
  "beside a main that is busy, while %s, a quiet tenant's chat holds others back longer or not",
  async (...[, load, heldMs]) => {
    const { gate, begun, endPass, pass } = await flood(0, () => ({ ...busy, ...load }));
    expect(gate.chats.enter("quiet", "key", asker())).toBe(undefined);
    const before = begun();

    pass(heldMs - 1);
    gate.requests.leave("loud");
    for (let at = 0; at < UNDER_WAY_MIN; at += 1) await endPass();
    expect(begun()).toBe(before);

    pass(1);
    gate.requests.leave("loud");
    for (let at = 0; at < UNDER_WAY_MIN; at += 1) await endPass();
    expect(begun()).toBeGreaterThan(before);
  },
);
