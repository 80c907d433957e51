// What grows with use has a bound: keys of messages from outside, records of ended runs, actors in
// memory. On virtual time.

import { expect, test } from "vitest";
import { defineActor, defineRun, type RunEnded } from "../../runtime/actor.ts";
import { type Address, address } from "../../runtime/address.ts";
import type { RuntimeError } from "../../runtime/errors.ts";
import type { KernelLimits } from "../../runtime/kernel/kernel-port.ts";
import { decodeRun } from "../../runtime/runs/run-row.ts";
import { decodeCounter, SEALED_HEAD } from "../../runtime/store/codec.ts";
import { keys } from "../../runtime/store/keys.ts";
import { TestSystem } from "../../runtime/testkit/test-system.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** A little longer than the first sweep of a kernel takes to come. */
const SWEEP_MS = 600_100;

type CounterMessage = { type: "count"; long?: string } | { type: "refuse" };

const counter = defineActor<number, CounterMessage>({
  kind: "counter",
  version: 1,
  initial: () => 0,
  receive(state, message, turn) {
    if (message.type === "refuse") {
      turn.refuse({ code: "INVALID", message: "No." });
      return state;
    }
    turn.reply(state + 1);
    return state + 1;
  },
});

const desk = defineActor<null, { type: "start"; steps: number } | RunEnded>({
  kind: "desk",
  version: 1,
  initial: () => null,
  receive(state, message, turn) {
    if (message.type === "run-ended") turn.reply("a long reply");
    else {
      const run = turn.startRun({ kind: "work", input: message.steps });
      turn.reply({ run }, { follow: run });
    }
    return state;
  },
});

const work = defineRun<number, string, unknown>({
  kind: "work",
  async run(steps, context) {
    if (steps < 0) await context.decision("never", { timeoutMs: DAY_MS });
    for (let step = 0; step < steps; step += 1) {
      await context.step(`s:${step}`, () => "done", { repeat: "safe" });
    }
    return "all done";
  },
});

const counterAt = (root: string, tenant = "tn_1"): Address =>
  address({ kind: "counter", tenant, root });
const deskAt = (root: string): Address => address({ kind: "desk", tenant: "tn_1", root });
const keyed = (key: string, hours = 24) => ({ source: "http", key, bodyHash: "b", hours });

async function begin(limits: Partial<KernelLimits>): Promise<TestSystem> {
  const system = new TestSystem({ seed: 5, definitions: [counter, desk, work], limits });
  await system.start();
  return system;
}

async function told(system: TestSystem, asked: Promise<unknown>): Promise<unknown> {
  const answer = asked.catch((error: RuntimeError) => error.code);
  await system.schedule.advance(100);
  return answer;
}

/** Starts again after `ms` without a system (time without one costs nothing), with these limits. */
async function later(system: TestSystem, ms: number, limits: Partial<KernelLimits>) {
  system.crash("process");
  await system.schedule.advance(ms);
  const next = new TestSystem({
    seed: 6,
    definitions: [counter, desk, work],
    limits,
    after: system,
  });
  await next.start();
  await next.schedule.advance(SWEEP_MS);
  return next;
}

const rowsOf = (system: TestSystem, family: string) =>
  system.disk.rows.filter(({ key }) => key.startsWith(family));

test("a tenant's keys are bounded: one more is refused and not handled; another tenant's are its own", async () => {
  const system = await begin({ seenKeysMax: 3 });
  const ask = (key: string, tenant?: string) =>
    told(system, system.ask(counterAt("a", tenant), { type: "count" }, keyed(key)));
  const first = [await ask("k1"), await ask("k2"), await ask("k3")];

  const refused = await ask("k4");
  const again = await ask("k2");
  const plain = await told(system, system.ask(counterAt("a"), { type: "count" }));

  expect(first).toEqual([1, 2, 3]);
  expect(refused).toBe("SEEN_FULL");
  expect(again).toBe(2);
  expect(plain).toBe(4);
  expect(await ask("k4", "tn_2")).toBe(1);
  expect(rowsOf(system, "k/tn_1/")).toHaveLength(3);
});

test("keys at once pass the bound in no order of theirs", async () => {
  const system = await begin({ seenKeysMax: 5 });

  const asked = Array.from({ length: 40 }, (_, at) =>
    system
      .ask(counterAt(`c${at}`), { type: "count" }, keyed(`k${at}`))
      .catch((error: RuntimeError) => error.code),
  );
  await system.schedule.advance(5_000);
  const answers = await Promise.all(asked);

  expect(answers.filter((answer) => answer === 1)).toHaveLength(5);
  expect(answers.filter((answer) => answer === "SEEN_FULL")).toHaveLength(35);
  expect(rowsOf(system, "k/")).toHaveLength(5);
});

test("keys that are forgotten make room, and a message that was refused took none", async () => {
  let system = await begin({ seenKeysMax: 2 });
  const ask = (key: string, type: CounterMessage["type"] = "count") =>
    told(system, system.ask(counterAt("a"), { type }, keyed(key)));
  await ask("no", "refuse");
  const before = [await ask("k1"), await ask("k2"), await ask("k3")];

  system = await later(system, 27 * HOUR_MS, { seenKeysMax: 2 });

  expect(before).toEqual([1, 2, "SEEN_FULL"]);
  expect([await ask("k4"), await ask("k5"), await ask("k6")]).toEqual([3, 4, "SEEN_FULL"]);
  expect(decodeCounter(rowsOf(system, "z/")[0]?.value)).toBe(-2);
});

test("the record of an ended run is kept for its days, then trimmed, and a viewer is told so", async () => {
  let system = await begin({});
  const started = await told(system, system.ask(deskAt("d"), { type: "start", steps: 3 }));
  const { run } = started as { run: string };
  const follow = () => told(system, system.follow({ tenant: "tn_1", root: "d", run }));
  system = await later(system, DAY_MS, { retentionDays: 2 });
  const kept = (await follow()) as unknown[];

  system = await later(system, 1.2 * DAY_MS, { retentionDays: 2 });

  expect(kept.at(-1)).toMatchObject({ type: "end", reply: "a long reply" });
  expect(await follow()).toBe("EVENTS_TRIMMED");
  expect(rowsOf(system, "a/").filter(({ key }) => key.includes("/j/"))).toEqual([]);
  expect(rowsOf(system, "r/")).toEqual([]);
  const [row] = rowsOf(system, "n/");
  expect(decodeRun(row?.key ?? "", row?.value ?? new Uint8Array())).toMatchObject({
    id: run,
    status: "completed",
    input: null,
    reply: null,
  });
});

test("what cannot be opened of one tenant keeps nobody's records from being trimmed", async () => {
  let system = await begin({});
  await told(system, system.ask(deskAt("d"), { type: "start", steps: 3 }));
  const key = keys.runsEndedIn(1, "tn_0");
  const value = Uint8Array.of(...SEALED_HEAD, 7, 7, 7);
  void system.disk.connect().commit({ ops: [{ op: "put", key, value }] });
  await system.schedule.advance(100);

  system = await later(system, 3 * DAY_MS, { retentionDays: 2 });

  expect(rowsOf(system, "a/").filter((row) => row.key.includes("/j/"))).toEqual([]);
  expect(rowsOf(system, "r/").map((row) => row.key)).toEqual([key]);
});

test("runs of one hour stand in one row, and are trimmed when it is over, as those that ended later", async () => {
  let system = await begin({});
  const start = async (steps: number): Promise<string> => {
    const started = await told(system, system.ask(deskAt("d"), { type: "start", steps }));
    await system.schedule.advance(100);
    return (started as { run: string }).run;
  };
  const runs: string[] = [];
  for (let at = 0; at < 250; at += 1) runs.push(await start(0));
  const slow = await start(-1);
  await system.schedule.advance(2 * HOUR_MS);
  const follow = (run: string) => told(system, system.follow({ tenant: "tn_1", root: "d", run }));
  const marks = rowsOf(system, "r/").length;

  system = await later(system, 1.9 * DAY_MS, { retentionDays: 2 });
  const kept = (await follow(runs[0] ?? "")) as unknown[];
  system = await later(system, 1.2 * DAY_MS, { retentionDays: 2 });
  await system.schedule.advance(10_000);

  // That of the hour they began in, perhaps of the next, and that of the one that took long.
  expect(marks).toBeLessThanOrEqual(3);
  expect(kept.at(-1)).toMatchObject({ type: "end" });
  for (const run of [runs[0], runs[99], runs[100], runs[249], slow]) {
    expect(await follow(run ?? "")).toBe("EVENTS_TRIMMED");
  }
  expect(rowsOf(system, "r/")).toEqual([]);
});

test("records are kept for ever where retention is 0, and a long log is trimmed in pieces", async () => {
  let system = await begin({});
  await told(system, system.ask(deskAt("d"), { type: "start", steps: 600 }));
  await system.schedule.advance(5_000);
  const chunks = () => rowsOf(system, "a/").filter(({ key }) => key.includes("/j/")).length;
  const written = chunks();

  system = await later(system, 1_000 * DAY_MS, { retentionDays: 0 });
  const kept = chunks();
  system = await later(system, 0, { retentionDays: 30 });
  const once = chunks();
  const key = rowsOf(system, "n/")[0]?.key ?? "";
  const run = key.slice(key.lastIndexOf("/") + 1);
  const half = await told(system, system.follow({ tenant: "tn_1", root: "d", run }));
  await system.schedule.advance(10_000);

  expect(written).toBeGreaterThan(400);
  expect(kept).toBe(written);
  expect(once).toBe(written - 200);
  expect(half).toBe("EVENTS_TRIMMED");
  expect(chunks()).toBe(0);
});

test("what waits of a tenant is bounded in bytes, whoever sent it, and leaves with its turn", async () => {
  const system = await begin({ inboxBytesMax: 100_000, sliceTurns: 1 });
  const long = "x".repeat(20_000);
  const ask = (at: number, tenant = "tn_1") =>
    system
      .ask(counterAt(`c${at}`, tenant), { type: "count", long })
      .catch((error: RuntimeError) => error.code);
  // All come before the first turn.
  const asked = Array.from({ length: 8 }, (_, at) => ask(at));
  const other = ask(0, "tn_2");
  await system.schedule.advance(1_000);
  const answers = await Promise.all(asked);
  const sent = Array.from({ length: 8 }, (_, at) =>
    system.send(counterAt(`s${at}`), { type: "count", long }).catch((e: RuntimeError) => e.code),
  );
  await system.schedule.advance(1_000);

  expect(answers.filter((answer) => answer === 1).length).toBeGreaterThanOrEqual(3);
  expect(answers.filter((answer) => answer === "INBOX_FULL").length).toBeGreaterThanOrEqual(2);
  expect(await other).toBe(1);
  expect(
    (await Promise.all(sent)).filter((answer) => answer !== "INBOX_FULL").length,
  ).toBeGreaterThan(2);
  // Nothing is left of them: as much fits again.
  for (let round = 0; round < 6; round += 1) {
    expect(await told(system, ask(100 + round))).toBe(1);
  }
});

test("viewers are bounded: one more is refused, and has a place when another has left", async () => {
  const system = await begin({ viewersMax: 2 });
  const started = await told(system, system.ask(deskAt("d"), { type: "start", steps: -1 }));
  const { run } = started as { run: string };
  const at = { tenant: "tn_1", root: "d", run };
  const kernel = system.kernelOf(deskAt("d"));
  const watch = (id: number) => kernel?.fromDoor([{ type: "follow", id, ...at, endOnly: false }]);
  for (const id of [1_001, 1_002]) watch(id);
  await system.schedule.settle();

  const refused = await told(system, system.follow(at));
  kernel?.fromDoor([{ type: "drop", id: 1_001 }]);
  const welcome = system.follow(at);
  await system.schedule.advance(100);
  await told(system, system.control(at, { type: "cancel", reason: "enough" }));

  expect(refused).toBe("INBOX_FULL");
  expect((await welcome).at(-1)).toMatchObject({ outcome: { status: "cancelled" } });
});
