// Shards that move between worker threads while everything goes on.

import { afterEach, expect, test } from "vitest";
import { type Address, SHARDS, shardOfAddress } from "../../runtime/address.ts";
import type { Frame } from "../../runtime/frame.ts";
import type { RunningSystem } from "../../runtime/pool.ts";
import type { System } from "../../runtime/system.ts";
import {
  at,
  collect,
  rootOn,
  startTestSystem,
  stopAll,
  textOf,
} from "../support/threads-system.ts";

afterEach(stopAll);

const numbers = (count: number): number[] => Array.from({ length: count }, (_, n) => n);
const allShards = numbers(SHARDS);

async function applied(system: System, counter: Address): Promise<readonly number[]> {
  return (await system.ask(counter, { type: "all" })) as readonly number[];
}

/** Adds numbers to each counter until told to stop: straight, by relay, in memory; no key, no retry. */
function startAdding(system: System, counters: readonly Address[]) {
  let isAdding = true;
  const sent = counters.map(() => 0);
  const add = async (which: number): Promise<void> => {
    const counter = counters[which] as Address;
    const relay = at("relay", `relay-${which}`);
    for (let n = 0; isAdding; n += 3) {
      const message = (k: number): unknown => ({ type: "add", n: n + k });
      await Promise.all([
        system.ask(counter, message(0)),
        system.ask(relay, { type: "relay", to: counter, message: message(1) }),
        system.send(counter, message(2)),
      ]);
      sent[which] = n + 3;
    }
  };
  const adding = counters.map((_, which) => add(which));
  return {
    sent,
    stop: async (): Promise<void> => {
      isAdding = false;
      await Promise.all(adding);
    },
  };
}

async function expectAllOnceInOrder(
  system: System,
  counters: readonly Address[],
  sent: readonly number[],
): Promise<void> {
  for (const [which, counter] of counters.entries()) {
    await expect
      .poll(async () => (await applied(system, counter)).length, { timeout: 10_000 })
      .toBe(sent[which]);
    const all = await applied(system, counter);
    expect(new Set(all).size).toBe(all.length);
    for (const way of [0, 1, 2]) {
      const inOrder = all.filter((n) => n % 3 === way);
      expect(inOrder).toEqual([...inOrder].sort((a, b) => a - b));
    }
  }
}

async function shardsOfWorkers(system: RunningSystem): Promise<readonly number[]> {
  const { workers } = (await system.inspect()) as { workers: readonly { shards: number }[] };
  return workers.map(({ shards }) => shards);
}

test.each([2, 4])(
  "%i workers: shards that move under load lose, double and re-order nothing",
  { timeout: 60_000 },
  async (workers) => {
    const { system, log } = await startTestSystem({ workers });
    const counters = numbers(12).map((n) => at("counter", `moving-${n}`));
    const load = startAdding(system, counters);
    const shards = [...new Set(counters.map(shardOfAddress))];
    const relays = numbers(12).map((n) => shardOfAddress(at("relay", `relay-${n}`)));
    let moved = 0;

    for (const round of numbers(60)) {
      const some = [...shards, ...relays].filter((_, n) => (n + round) % 3 === 0);
      moved += await system.moveShards(some, round % workers);
    }
    await load.stop();

    expect(moved).toBeGreaterThan(60);
    expect(Math.min(...load.sent)).toBeGreaterThan(60);
    await expectAllOnceInOrder(system, counters, load.sent);
    expect(log).toEqual([]);
    expect(await system.deadLetters("tn_1", { limit: 10 })).toEqual([]);
  },
);

test("viewers of runs whose shards move see every text once, and neither reset, gap nor error", {
  timeout: 60_000,
}, async () => {
  const { system } = await startTestSystem({ workers: 2 });
  const pieces = numbers(60).map((n) => `piece ${n}. `);
  const message = { type: "start", kind: "stepper", input: { pieces } };
  const desks = numbers(10).map((n) => at("desk", `viewed-${n}`));
  const streams = desks.map((desk) => collect(system.stream(desk, message)));
  const done = Promise.all(streams);
  let isDone = false;
  void done.then(() => {
    isDone = true;
  });
  let moved = 0;
  for (let round = 0; !isDone; round += 1) {
    moved += await system.moveShards(desks.map(shardOfAddress), round % 2);
  }

  expect(moved).toBeGreaterThan(30);
  for (const frames of await done) {
    const types = new Set(frames.map(({ type }: Frame) => type));
    expect([...types].sort()).toEqual(["accepted", "end", "event", "text", "text-end"]);
    expect(textOf(frames)).toBe(pieces.join(""));
    const events = frames.flatMap((frame) => (frame.type === "event" ? [frame.event] : []));
    expect(events).toEqual(numbers(pieces.length).map((n) => ({ at: n })));
    expect(frames.at(-1)).toMatchObject({ type: "end", outcome: { status: "completed" } });
  }
});

test("a run that waits for a decision moves, is decided at its new worker and was called once more", async () => {
  const { system } = await startTestSystem({ workers: 2 });
  const desk = at("desk", "waiting");
  const frames: Frame[] = [];
  for await (const batch of system.stream(desk, { type: "start", kind: "parts" })) {
    frames.push(...batch);
    const [accepted] = frames;
    const run = accepted?.type === "accepted" ? String(accepted.run) : "";
    if (!batch.some((frame) => frame.type === "text-end") || textOf(frames) !== "first ") continue;
    expect(await system.moveShards([shardOfAddress(desk)], 0)).toBeLessThanOrEqual(1);
    expect(await system.moveShards([shardOfAddress(desk)], 1)).toBeLessThanOrEqual(1);
    await system.decide("tn_1", run, "go", true);
  }

  expect(textOf(frames)).toBe("first second");
  expect(frames.filter((frame) => frame.type === "reset")).toEqual([]);
});

test("a shard whose step does not end in time stays, and the run goes on", async () => {
  const { system } = await startTestSystem({ workers: 2 });
  const desk = at("desk", "stays");
  const shard = shardOfAddress(desk);
  const stream = system.stream(desk, { type: "start", kind: "patient" });
  let run = "";
  const frames: Frame[] = [];
  for await (const batch of stream) {
    frames.push(...batch);
    const [first] = batch;
    if (first?.type === "accepted") run = String(first.run);
    if (!batch.some((frame) => frame.type === "text")) continue;
    const moved = [await system.moveShards([shard], 0), await system.moveShards([shard], 1)];
    expect(moved).toEqual([0, 0]);
    await system.cancel("tn_1", run, "seen enough");
  }

  expect(frames.filter((frame) => frame.type === "reset")).toEqual([]);
  expect(frames.at(-1)).toMatchObject({ outcome: { status: "cancelled" } });
});

/** Follows a run until its step writes; its frames go on coming. */
async function startPatient(system: System, desk: Address) {
  const frames: Frame[] = [];
  let run = "";
  const ended = (async () => {
    for await (const batch of system.stream(desk, { type: "start", kind: "patient" })) {
      frames.push(...batch);
      for (const frame of batch) if (frame.type === "accepted") run = String(frame.run);
    }
  })();
  await expect.poll(() => textOf(frames), { timeout: 10_000 }).toBe("waiting");
  return {
    frames,
    end: async (): Promise<void> => {
      await system.cancel("tn_1", run, "seen enough");
      await ended;
    },
  };
}

test("a pool that shrinks leaves behind only what has a step under way, and each only its own shard", {
  timeout: 30_000,
}, async () => {
  const { system } = await startTestSystem({ workers: 4, drainMs: 60_000 });
  const slow = [];
  for (const worker of [1, 2]) slow.push(await startPatient(system, rootOn("desk", worker, 4)));
  const pieces = numbers(50).map((n) => `piece ${n}. `);
  const message = { type: "start", kind: "stepper", input: { pieces } };
  const roots = numbers(12).map((n) => at("desk", `brisk-${n}`));
  const brisk = Promise.all(roots.map((desk) => collect(system.stream(desk, message))));
  const resized = system.resize(1);

  // Nobody but the two waits: the others go on, and the worker without them is gone.
  for (const frames of await brisk) expect(textOf(frames)).toBe(pieces.join(""));
  const workers = (): Promise<readonly number[]> => shardsOfWorkers(system);
  await expect.poll(workers, { timeout: 10_000 }).toEqual([SHARDS - 2, 1, 1]);
  // The second one does not wait for the first.
  await slow[1]?.end();
  await expect.poll(workers, { timeout: 10_000 }).toEqual([SHARDS - 1, 1]);
  await slow[0]?.end();
  await resized;
  expect(await workers()).toEqual([SHARDS]);
  for (const { frames } of slow) {
    expect(frames.filter(({ type }) => type === "reset")).toEqual([]);
    expect(frames.at(-1)).toMatchObject({ outcome: { status: "cancelled" } });
  }
});

test("a step that outlasts the time it has on a worker that leaves is cut, and repeated elsewhere", async () => {
  const { system, log } = await startTestSystem({ workers: 2, drainMs: 300 });
  const stream = system.stream(rootOn("desk", 1, 2), { type: "start", kind: "hanging" });
  const frames: Frame[] = [];
  let resized: Promise<void> | undefined;
  for await (const batch of stream) {
    frames.push(...batch);
    if (textOf(frames) === "abc") resized ??= system.resize(1);
  }
  await resized;

  expect(textOf(frames)).toBe("abcdef");
  expect(frames.filter(({ type }) => type === "reset")).toHaveLength(1);
  expect(await shardsOfWorkers(system)).toEqual([SHARDS]);
  expect(log).toEqual([]);
});

test("an idle shard moves within milliseconds", async () => {
  const { system } = await startTestSystem({ workers: 2 });
  const counter = at("counter", "idle");
  const shard = shardOfAddress(counter);
  await system.ask(counter, { type: "add", n: 1 });
  const times: number[] = [];
  for (const round of numbers(21)) {
    const beganMs = performance.now();
    await system.moveShards([shard], round % 2);
    times.push(performance.now() - beganMs);
  }

  const median = times.sort((a, b) => a - b)[10] ?? 0;
  console.log(`moves.test: an idle shard moved in ${median.toFixed(1)} ms (median of 21)`);
  expect(median).toBeLessThan(100);
  expect(await applied(system, counter)).toEqual([1]);
});

test("the pool grows and shrinks under load, and every worker gets its share", {
  timeout: 60_000,
}, async () => {
  const { system, log } = await startTestSystem({ workers: 2 });
  const counters = numbers(12).map((n) => at("counter", `resized-${n}`));
  const load = startAdding(system, counters);
  const pieces = numbers(300).map((n) => `piece ${n}. `);
  const message = { type: "start", kind: "stepper", input: { pieces } };
  const viewed = collect(system.stream(at("desk", "resized"), message));

  for (const workers of [4, 1, 3]) {
    await system.resize(workers);
    const shares = async (): Promise<readonly unknown[]> => {
      const shards = await shardsOfWorkers(system);
      const isFair = shards.every((one) => one >= Math.floor(SHARDS / workers / 2));
      return [shards.length, shards.reduce((sum, one) => sum + one, 0), isFair];
    };
    // A shard that was at work stays at first and is moved by a later look.
    await expect.poll(shares, { timeout: 20_000 }).toEqual([workers, SHARDS, true]);
  }
  await load.stop();

  await expectAllOnceInOrder(system, counters, load.sent);
  expect(textOf(await viewed)).toBe(pieces.join(""));
  expect(log).toEqual([]);
  await expect(system.resize(0)).rejects.toMatchObject({ code: "INVALID" });
  await expect(system.resize(65)).rejects.toMatchObject({ code: "INVALID" });
});

test("a worker that is ended while shards move to and from it loses and doubles nothing", {
  timeout: 60_000,
}, async () => {
  const { system } = await startTestSystem({ workers: 3, deathsMax: 1_000 });
  const counter = at("counter", "hit");
  const acknowledged: number[] = [];
  let isAdding = true;
  const adding = (async () => {
    for (let n = 0; isAdding; n += 1) {
      const key = { source: "test", key: `${n}`, bodyHash: "-", hours: 1 };
      await system.ask(counter, { type: "add", n }, { key });
      acknowledged.push(n);
    }
  })();

  for (const round of numbers(20)) {
    const moving = system.moveShards(allShards.slice(0, 200), round % 3).catch(() => 0);
    const own = system.moveShards([shardOfAddress(counter)], (round + 1) % 3).catch(() => 0);
    await system.endWorker(round % 3);
    await Promise.all([moving, own]);
    const before = acknowledged.length;
    await expect.poll(() => acknowledged.length, { timeout: 10_000 }).toBeGreaterThan(before);
  }
  isAdding = false;
  await adding;

  expect(await applied(system, counter)).toEqual(acknowledged);
  await expect
    .poll(async () => (await shardsOfWorkers(system)).reduce((sum, one) => sum + one, 0))
    .toBe(SHARDS);
});
