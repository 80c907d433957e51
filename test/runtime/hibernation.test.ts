// Runs that wait leave memory and come back for whatever they wait for, on virtual time.

import { expect, test } from "vitest";
import type { KernelLimits } from "../../runtime/kernel/kernel-port.ts";
import type { RunControl } from "../../runtime/message.ts";
import { TestSystem } from "../../runtime/testkit/test-system.ts";
import {
  deskAt,
  endOf,
  keysOf,
  LONG_MS,
  MINUTE_MS,
  type Plan,
  TENANT,
  waitingWork,
} from "../support/waiting-runs.ts";

interface Stage {
  readonly system: TestSystem;
  readonly calls: string[];
  /** Starts a run and gives its id. */
  begin(plan: Plan, root?: string): Promise<string>;
  /** Runs in memory. */
  inMemory(): number;
  counter(name: string): number;
  control(run: string, control: RunControl, root?: string): Promise<unknown>;
}

async function stage(limits: Partial<KernelLimits> = {}): Promise<Stage> {
  const calls: string[] = [];
  const system = new TestSystem({ seed: 7, definitions: waitingWork(calls), limits });
  await system.start();
  const kernels = () => [deskAt("d"), deskAt("e")].map((at) => system.kernelOf(at));
  const figures = () => [...new Set(kernels())].flatMap((kernel) => kernel?.inspect() ?? []);
  return {
    system,
    calls,
    async begin(plan, root = "d") {
      const asked = system.ask(deskAt(root), { type: "start", plan });
      await system.schedule.advance(100);
      return ((await asked) as { run: string }).run;
    },
    inMemory: () => figures().reduce((sum, { runs }) => sum + runs, 0),
    counter: (name) => figures().reduce((sum, { counters }) => sum + (counters[name] ?? 0), 0),
    async control(run, control, root = "d") {
      const told = system.control({ tenant: TENANT, root, run }, control);
      await system.schedule.advance(100);
      return told;
    },
  };
}

test("a run that sleeps for hours leaves memory and goes on at its time, stored steps not repeated", async () => {
  const { system, calls, begin, inMemory } = await stage();
  const run = await begin("sleep");

  await system.schedule.advance(MINUTE_MS);
  const asleep = inMemory();
  await system.schedule.advance(LONG_MS);

  expect(asleep).toBe(0);
  expect(await endOf(system, run)).toMatchObject({ outcome: { status: "completed" } });
  expect(calls).toEqual(["sleep:first", "sleep:last"]);
  expect([...keysOf(system, "o/"), ...keysOf(system, "d/"), ...keysOf(system, "m/")]).toEqual([]);
});

test("a start leaves a waiting run on disk, and the run still wakes at its time", async () => {
  const { system, calls, begin, inMemory, counter } = await stage();
  const run = await begin("sleep");
  await system.schedule.advance(MINUTE_MS);

  system.crash("process");
  await system.start();
  await system.schedule.advance(1_000);
  const afterStart = inMemory();
  await system.schedule.advance(LONG_MS);

  expect(afterStart).toBe(0);
  expect(counter("runsResumed")).toBe(0);
  expect(await endOf(system, run)).toMatchObject({ outcome: { status: "completed" } });
  expect(calls).toEqual(["sleep:first", "sleep:last"]);
});

test("a run that came due while the system was down goes on at the start", async () => {
  const { system, calls, begin } = await stage();
  const run = await begin("sleep");
  await system.schedule.advance(MINUTE_MS);

  system.crash("process");
  await system.schedule.advance(LONG_MS);
  await system.start();

  expect(await endOf(system, run)).toMatchObject({ outcome: { status: "completed" } });
  expect(calls).toEqual(["sleep:first", "sleep:last"]);
});

test("a decision of the door wakes the run it is for", async () => {
  const { system, begin, inMemory, control } = await stage();
  const run = await begin("decide");
  await system.schedule.advance(MINUTE_MS);
  const asleep = inMemory();

  await control(run, { type: "decide", key: "ok", value: "granted" });

  expect(asleep).toBe(0);
  expect(await endOf(system, run)).toMatchObject({ outcome: { status: "completed" } });
});

test("an ask and the run that answers it both sleep; the reply wakes the asker", async () => {
  const { system, begin, inMemory } = await stage();
  const run = await begin("ask");
  await system.schedule.advance(MINUTE_MS);
  const asleep = inMemory();

  await system.schedule.advance(2 * MINUTE_MS);

  expect(asleep).toBe(0);
  expect(await endOf(system, run)).toMatchObject({ outcome: { status: "completed" } });
});

test("a cancel of the door and a cancel of a turn end a run that hibernates", async () => {
  const { system, begin, inMemory, control } = await stage();
  const [first, second] = [await begin("sleep"), await begin("decide")];
  await system.schedule.advance(MINUTE_MS);
  const asleep = inMemory();

  await control(first, { type: "cancel", reason: "enough" });
  const told = system.ask(deskAt("d"), { type: "cancel", run: second });
  await system.schedule.advance(100);
  await told;

  expect(asleep).toBe(0);
  for (const run of [first, second]) {
    expect(await endOf(system, run)).toMatchObject({ outcome: { status: "cancelled" } });
  }
  expect(keysOf(system, "i/")).toEqual([]);
});

test("what a turn tells a run that hibernates is taken once, in order", async () => {
  const { system, begin, inMemory } = await stage();
  const run = await begin("steered");
  await system.schedule.advance(MINUTE_MS);
  const asleep = inMemory();

  const told = ["one", "two"].map((value) =>
    system.ask(deskAt("d"), { type: "steer", run, value }),
  );
  await system.schedule.advance(100);
  await Promise.all(told);
  await system.schedule.advance(10 * MINUTE_MS);

  expect(asleep).toBe(0);
  const end = await endOf(system, run);
  expect(end).toMatchObject({ outcome: { status: "completed" } });
  const row = system.disk.rows.filter(({ key }) => key.includes("/s") && key.startsWith("a/"));
  expect(row.map(({ value }) => Buffer.from(value).includes("one two"))).toContain(true);
});

test("a run with children hibernates as one and each branch wakes at its own time", async () => {
  const { system, begin, inMemory, calls } = await stage();
  const run = await begin("family");

  const seen: number[] = [];
  for (let minute = 0; minute < 12; minute += 1) {
    await system.schedule.advance(MINUTE_MS);
    seen.push(inMemory());
  }

  expect(seen.filter((runs) => runs === 0).length).toBeGreaterThan(8);
  expect(calls.filter((call) => call.startsWith("part:"))).toEqual(["part:a", "part:b"]);
  expect(await endOf(system, run)).toMatchObject({ outcome: { status: "completed" } });
});

test("a viewer that stays is shown the rest when its run comes back, each frame once", async () => {
  const { system, inMemory, control } = await stage();
  const watched = system.stream(deskAt("d"), { type: "start", plan: "decide" });
  await system.schedule.advance(2 * MINUTE_MS);
  const asleep = inMemory();
  const [key = ""] = keysOf(system, "n/");
  const run = key.slice(key.lastIndexOf("/") + 1);

  await control(run, { type: "decide", key: "ok", value: "granted" });

  expect(asleep).toBe(0);
  const frames = await watched;
  expect(frames.map(({ type }) => type)).toEqual(["accepted", "event", "end"]);
});

test("a run with a step under way stays in memory beside its sleep", async () => {
  const { system, begin, inMemory } = await stage();
  const run = await begin("busy");

  await system.schedule.advance(4 * MINUTE_MS);

  expect(inMemory()).toBe(1);
  await system.schedule.advance(2 * MINUTE_MS);
  expect(await endOf(system, run)).toMatchObject({ outcome: { status: "completed" } });
});

test("past the limit of runs in memory those that wait hibernate at once, and all end", async () => {
  const { system, inMemory, begin } = await stage({ runsMax: 10, runIdleMs: 10 * MINUTE_MS });
  const runs: string[] = [];
  for (let at = 0; at < 60; at += 1) runs.push(await begin("sleep", at % 2 === 0 ? "d" : "e"));
  await system.schedule.advance(2_000);
  const kept = inMemory();

  await system.schedule.advance(LONG_MS + MINUTE_MS);

  expect(kept).toBeLessThanOrEqual(20); // Two kernels.
  expect(inMemory()).toBe(0);
  for (const [at, run] of runs.entries()) {
    const end = await endOf(system, run, 10, at % 2 === 0 ? "d" : "e");
    expect(end).toMatchObject({ outcome: { status: "completed" } });
  }
});
