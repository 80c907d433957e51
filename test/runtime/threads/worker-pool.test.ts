// What crosses workers, and what happens when one dies or hangs.

import { afterEach, expect, test } from "vitest";
import type { Address } from "../../../runtime/address.ts";
import type { Frame } from "../../../runtime/frame.ts";
import type { System } from "../../../runtime/system.ts";
import {
  at,
  collect,
  rootOn,
  startTestSystem,
  stopAll,
  textOf,
} from "../../support/threads-system.ts";

afterEach(stopAll);

const numbers = (count: number): number[] => Array.from({ length: count }, (_, n) => n);

async function applied(system: System, counter: Address): Promise<readonly number[]> {
  return (await system.ask(counter, { type: "all" })) as readonly number[];
}

test.each([2, 4])(
  "%i workers: what one sends to another arrives in order, once",
  async (workers) => {
    const { system } = await startTestSystem({ workers });
    const relay = rootOn("relay", 0, workers);
    const counters = numbers(workers).map((worker) => rootOn("counter", worker, workers));

    await Promise.all(
      numbers(200).map((n) =>
        system.ask(relay, {
          type: "relay",
          to: counters[n % workers],
          message: { type: "add", n },
        }),
      ),
    );

    for (const [worker, counter] of counters.entries()) {
      const expected = numbers(200).filter((n) => n % workers === worker);
      await expect.poll(() => applied(system, counter)).toEqual(expected);
    }
  },
);

test("50 deaths of workers under load: what was acknowledged is applied once, in order", async () => {
  const workers = 2;
  const { system } = await startTestSystem({ workers, deathsMax: 1_000 });
  const relays = numbers(workers).map((worker) => rootOn("relay", worker, workers));
  const counters = numbers(workers).map((worker) => rootOn("counter", worker, workers));
  const acknowledged: number[][] = counters.map(() => []);
  let isLoading = true;
  const load = async (worker: number): Promise<void> => {
    const counter = counters[worker] as Address;
    const relay = relays[1 - worker] as Address;
    for (let n = 0; isLoading; n += 1) {
      const add = { type: "add", n };
      const message = n % 2 === 0 ? add : { type: "relay", to: counter, message: add };
      const to = n % 2 === 0 ? counter : relay;
      const key = { source: "test", key: `${worker}/${n}`, bodyHash: "-", hours: 1 };
      try {
        await system.ask(to, message, { key });
        acknowledged[worker]?.push(n);
      } catch (error) {
        // Refused after too many deaths: it may or may not have been applied.
        if ((error as { code?: string }).code !== "WORKER_LOST") throw error;
      }
    }
  };
  const loads = numbers(workers).map(load);

  for (const death of numbers(50)) {
    const before = acknowledged.map((all) => all.length);
    if (death % 2 === 0) await system.endWorker(death % 4 < 2 ? 0 : 1);
    else {
      const to = rootOn("counter", death % 4 < 2 ? 0 : 1, workers);
      await system.ask(to, { type: "die" }).catch(() => undefined);
    }
    await expect
      .poll(() => acknowledged.every((all, worker) => all.length > (before[worker] ?? 0) + 3), {
        timeout: 20_000,
        interval: 5,
      })
      .toBe(true);
  }
  isLoading = false;
  await Promise.all(loads);

  for (const [worker, counter] of counters.entries()) {
    const sent = acknowledged[worker] ?? [];
    await expect
      .poll(async () => new Set(await applied(system, counter)).size, { timeout: 10_000 })
      .toBeGreaterThanOrEqual(sent.length);
    const all = await applied(system, counter);
    expect(sent.filter((n) => !all.includes(n))).toEqual([]);
    expect(new Set(all).size).toBe(all.length);
    // Those sent straight, and those over the relay: each in their own order.
    for (const way of [0, 1]) {
      const inOrder = all.filter((n) => n % 2 === way);
      expect(inOrder).toEqual([...inOrder].sort((a, b) => a - b));
    }
  }
  expect(await system.inspect()).toMatchObject({ deaths: 50 });
}, 120_000);

test("a viewer of a run whose worker dies sees a reset and the whole text, and no error", async () => {
  const { system } = await startTestSystem({ workers: 2 });
  const frames: Frame[] = [];
  for await (const batch of system.stream(at("desk", "a"), { type: "start", kind: "hanging" })) {
    frames.push(...batch);
    if (batch.some((frame) => frame.type === "text" && frame.attempt === 1)) {
      await system.endWorker(0);
      await system.endWorker(1);
    }
  }

  expect(frames.some((frame) => frame.type === "reset")).toBe(true);
  expect(textOf(frames)).toBe("abcdef");
  expect(frames.at(-1)).toMatchObject({ type: "end", outcome: { status: "completed" } });
});

test("a question without a key that its worker took with it fails as WORKER_LOST", async () => {
  const { system } = await startTestSystem({ workers: 1, watchdogMs: 400 });

  await expect(system.ask(at("counter", "a"), { type: "spin" })).rejects.toMatchObject({
    code: "WORKER_LOST",
    retryable: true,
  });
});

test("a spinning worker is replaced, and the others answer meanwhile", async () => {
  const workers = 2;
  const { system, log } = await startTestSystem({ workers, watchdogMs: 1_000 });
  const [stuck, other] = [rootOn("counter", 0, workers), rootOn("counter", 1, workers)];
  await system.ask(stuck, { type: "add", n: 1 });

  const spinning = system.ask(stuck, { type: "spin" }).catch((error: unknown) => error);
  expect(await system.ask(other, { type: "add", n: 2 })).toBe(2);
  expect(log).toEqual([]);
  expect(await spinning).toMatchObject({ code: "WORKER_LOST" });

  expect(await system.ask(stuck, { type: "all" })).toEqual([1]);
  expect(log.some((line) => line.includes("stuck"))).toBe(true);
});

test("how a worker is with its hands full is what it said last, unasked, and nobody waits for it", async () => {
  const workers = 2;
  const { system } = await startTestSystem({ workers });
  const [counter, heavy] = [rootOn("counter", 0, workers), rootOn("heavy", 0, workers)];
  // Nobody asks for figures: the worker tells them after its first second.
  const untilMs = performance.now() + 1_500;
  let turns = 0;
  for (; performance.now() < untilMs; turns += 1) await system.ask(counter, { type: "all" });
  let isFree = false;
  const working = system.ask(heavy, { n: 1, ms: 4_000 }).then(() => {
    isFree = true;
  });
  // Ahead of the question how it is: the long turn has begun.
  await new Promise((resolve) => setImmediate(resolve));

  const busy = await system.inspect();
  const later = await system.inspect();

  expect(isFree).toBe(false);
  const [first] = busy.workers;
  expect(first).toMatchObject({
    isSilent: false,
    figures: { worker: 0 },
    ageMs: expect.any(Number),
  });
  expect(busy.total.kinds["counter"]?.counters.turns).toBeGreaterThan(0);
  // What was counted does not become less because nobody answers.
  expect(later.total.kinds["counter"]).toEqual(busy.total.kinds["counter"]);
  await working;
  const after = await system.inspect();
  expect(after.total.kinds["counter"]?.counters.turns).toBe(turns);
});

test("a message that kills its thread five times becomes a dead letter", async () => {
  const { system } = await startTestSystem({ workers: 1, watchdogMs: 400 });
  const counter = at("counter", "a");
  // Its row may be on disk although the acknowledgement died with the thread. On a busy machine the
  // thread may also die before the row is there: then nothing was acknowledged and it is sent again.
  const deadLetters = async () => await system.deadLetters("tn_1", { limit: 10 });
  while ((await deadLetters()).length === 0) {
    await system.send(counter, { type: "spin" }).catch(() => undefined);
    await expect
      .poll(() => applied(system, counter).catch(() => "worker lost"), { timeout: 30_000 })
      .toEqual([]);
  }

  const { deaths } = (await system.inspect()) as { readonly deaths: number };
  expect(deaths).toBeGreaterThanOrEqual(5);
  expect(await deadLetters()).toMatchObject([{ to: counter, message: { type: "spin" } }]);
});

test("a worker that dies too often ends the process", async () => {
  const { system, exits, log } = await startTestSystem({ workers: 1, deathsMax: 2 });
  for (const _ of numbers(2)) {
    await system.endWorker(0);
    await applied(system, at("counter", "a"));
  }
  expect(exits).toEqual([]);

  await system.endWorker(0);

  await expect.poll(() => exits).toEqual([1]);
  expect(log.some((line) => line.includes("died too often"))).toBe(true);
});

test("a slow viewer gets a gap and then the rest, and the run is not slowed", async () => {
  const { system } = await startTestSystem({ workers: 1, viewerBytesMax: 1_024 });
  const pieces = numbers(400).map((n) => `piece ${n} of a long text. `);
  // Not before it is watched: it might end sooner than its accept is flushed.
  const message = { type: "start", kind: "writer", input: { pieces, waits: true } };
  const slow = system.stream(at("desk", "a"), message)[Symbol.asyncIterator]();
  const first = await slow.next();
  const [accepted] = first.done ? [] : first.value;
  const run = accepted?.type === "accepted" ? String(accepted.run) : "";
  const ended = collect(system.follow("tn_1", run, { endOnly: true }));

  await system.decide("tn_1", run, "go", true);
  await ended;
  const rest = first.done ? [] : [...first.value];
  for (let next = await slow.next(); !next.done; next = await slow.next()) rest.push(...next.value);

  expect(rest.filter((frame) => frame.type === "gap").length).toBeGreaterThan(0);
  expect(textOf(rest)).toBe(pieces.join(""));
  expect(rest.at(-1)).toMatchObject({ type: "end" });
});

test("a viewer that leaves ends its subscription, not the run", async () => {
  const { system } = await startTestSystem({ workers: 1 });
  let run = "";
  for await (const [frame] of system.stream(at("desk", "a"), { type: "start", kind: "parts" })) {
    if (frame?.type === "accepted") run = String(frame.run);
    break;
  }
  expect(await system.inspect()).toMatchObject({ door: { waiting: 0 } });
  await system.decide("tn_1", run, "go", true);

  expect(textOf(await collect(system.follow("tn_1", run)))).toBe("first second");
});

test("the door refuses a tenant that has its half of it", async () => {
  const { system } = await startTestSystem({ workers: 1, requestsMax: 4 });
  const counter = at("counter", "a");

  const answers = await Promise.allSettled(
    numbers(3).map((n) => system.ask(counter, { type: "add", n })),
  );

  expect(answers.map((answer) => answer.status)).toEqual(["fulfilled", "fulfilled", "rejected"]);
  expect(answers[2]).toMatchObject({ reason: { code: "INBOX_FULL" } });
});
