// What a kernel writes on nobody's behalf, a removal or a refusal, is not lost with its batch: on a
// full disk it is written when there is room.

import { expect, test } from "vitest";
import { type Data, defineActor, defineRun, type RunEnded } from "../../runtime/actor.ts";
import { type Address, address, shardOfAddress } from "../../runtime/address.ts";
import { TestSystem } from "../../runtime/testkit/test-system.ts";

const SEEDS = 20;
const WORKERS = 2;
const FULL_MS = 800;

type DeskMessage = { readonly type: "start"; readonly ask: readonly string[] } | RunEnded;

/** Starts a run that asks others; keeps what each answered. */
const desk = defineActor<readonly Data[], DeskMessage>({
  kind: "desk",
  version: 1,
  initial: () => [],
  receive(state, message, turn) {
    if (message.type === "run-ended") {
      const { outcome } = message;
      return [...state, outcome.status === "completed" ? outcome.result : outcome.error.code];
    }
    if (message.ask.length > 0) turn.startRun({ kind: "asking", input: message.ask });
    turn.reply(state);
    return state;
  },
});

const asking = defineRun<readonly Address[], Data, unknown>({
  kind: "asking",
  async run([to = ""], context) {
    const timeoutMs = to.startsWith("late:") ? 200 : 20_000;
    return context.ask("ask", to, { type: "spend" }, { timeoutMs }).catch((error) => error.code);
  },
});

const purse = defineActor<number, { readonly type: "spend" | "spend later" }>({
  kind: "purse",
  version: 1,
  initial: () => 0,
  receive(state, { type }, turn) {
    if (type === "spend later") {
      turn.remind("later", turn.nowMs + 100, { type: "spend" });
      return state + 1;
    }
    const otherwise = { code: "BALANCE_EXHAUSTED", message: "Nothing is left." } as const;
    turn.add("money", -1, { min: -1, otherwise });
    turn.reply("spent");
    return state + 1;
  },
});

/** Answers an ask with the end of a run, later than anybody waits. */
const late = defineActor<null, { readonly type: string } | RunEnded>({
  kind: "late",
  version: 1,
  initial: () => null,
  receive(state, message, turn) {
    if (message.type === "spend") {
      const run = turn.startRun({ kind: "slow", input: null });
      turn.reply({ run }, { follow: run });
    }
    return state;
  },
});

const slow = defineRun<null, Data, unknown>({
  kind: "slow",
  async run(_, context) {
    await context.sleep("a while", 1_000);
    return "too late";
  },
});

const moody = defineActor<null, { readonly type: string }>({
  kind: "moody",
  version: 1,
  strategy: "escalate",
  initial: () => null,
  receive() {
    throw new Error("on purpose");
  },
});

const note = defineActor<number, Data>({
  kind: "note",
  version: 1,
  initial: () => 0,
  receive: (state) => state + 1,
});

/** An actor of a kind that lives on this worker. */
function on(worker: number, kind: string, name = "a"): Address {
  for (let n = 0; ; n += 1) {
    const found = address({ kind, tenant: "tn_1", root: `${name}${n}` });
    if (shardOfAddress(found) % WORKERS === worker) return found;
  }
}

async function begin(seed: number): Promise<TestSystem> {
  const definitions = [desk, asking, purse, late, slow, moody, note];
  const system = new TestSystem({ seed, definitions, workers: WORKERS, delayMs: 5 });
  await system.start();
  return system;
}

/** The disk is full for a while from now, while others write too. */
function fill(system: TestSystem): void {
  system.disk.isFull = true;
  for (const worker of [0, 1]) system.tell(on(worker, "note"), null);
  system.schedule.after("faults", FULL_MS, () => {
    system.disk.isFull = false;
  });
}

function refusals(system: TestSystem): number {
  const kernels = [0, 1].map((worker) => system.kernelOf(on(worker, "note")));
  return kernels.reduce((sum, one) => sum + (one?.inspect().counters["refusedBatches"] ?? 0), 0);
}

const inboxes = (system: TestSystem): readonly string[] =>
  system.disk.rows.map(({ key }) => key).filter((key) => key.startsWith("i/"));

async function said(system: TestSystem, to: Address): Promise<unknown> {
  const answer = system.ask(to, { type: "start", ask: [] });
  await system.schedule.advance(200);
  return answer;
}

test("a reply to a run that has ended leaves the inbox, though the disk fills as it comes", async () => {
  let refused = 0;
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    const system = await begin(seed);
    void system.ask(on(0, "desk"), { type: "start", ask: [on(1, "late")] });
    await system.schedule.advance(700);
    expect(await said(system, on(0, "desk"))).toEqual(["DEADLINE"]);
    const hasReply = (): boolean => inboxes(system).some((key) => key.includes(":asking/"));

    await system.schedule.until(hasReply, 3_000);
    fill(system);
    await system.schedule.advance(FULL_MS * 3);

    refused += refusals(system);
    expect(inboxes(system), `seed ${seed}`).toEqual([]);
  }
  expect(refused).toBeGreaterThan(SEEDS / 2);
});

test("a run is told that it lost a race for the last of a balance, though the disk fills then", async () => {
  let raced = 0;
  for (let seed = 1; seed <= SEEDS * 3; seed += 1) {
    const system = await begin(seed);
    const desks = [on(0, "desk"), on(1, "desk")];
    for (const [worker, to] of desks.entries()) {
      void system.ask(to, { type: "start", ask: [on(1 - worker, "purse")] });
    }
    await system.schedule.until(() => refusals(system) > 0, 500);
    if (refusals(system) > 0) raced += 1;
    fill(system);
    await system.schedule.advance(5_000);

    const told = [await said(system, desks[0] ?? ""), await said(system, desks[1] ?? "")].flat();
    expect(told.sort(), `seed ${seed}`).toEqual(["BALANCE_EXHAUSTED", "spent"]);
    expect(inboxes(system), `seed ${seed}`).toEqual([]);
  }
  expect(raced).toBeGreaterThan(SEEDS / 2);
});

test("a reminder whose turn lost a race for the last of a balance has had it, though the disk fills then", async () => {
  let raced = 0;
  for (let seed = 1; seed <= SEEDS * 3; seed += 1) {
    const system = await begin(seed);
    for (const worker of [0, 1]) system.tell(on(worker, "purse"), { type: "spend later" });
    await system.schedule.until(() => refusals(system) > 0, 500);
    if (refusals(system) > 0) raced += 1;
    fill(system);
    await system.schedule.advance(5_000);

    const left = system.disk.rows.filter(({ key }) => /^[dm]\//.test(key));
    expect(left, `seed ${seed}`).toEqual([]);
  }
  expect(raced).toBeGreaterThan(SEEDS / 2);
});

test("a run is told that whom it asks is quarantined, though the disk fills then", async () => {
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    const system = await begin(seed);
    system.ask(on(1, "moody"), { type: "fail" }).catch(() => undefined);
    await system.schedule.advance(30_000);
    void system.ask(on(0, "desk"), { type: "start", ask: [on(1, "moody")] });
    await system.schedule.until(() => inboxes(system).length > 0, 500);
    fill(system);
    await system.schedule.advance(5_000);

    expect(await said(system, on(0, "desk")), `seed ${seed}`).toEqual(["QUARANTINED"]);
  }
});

test("an operator's release of a quarantined actor is answered when there is room again", async () => {
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    const system = await begin(seed);
    system.ask(on(1, "moody"), { type: "fail" }).catch(() => undefined);
    await system.schedule.advance(30_000);
    let answers = 0;

    fill(system);
    const released = system.operate(on(1, "moody"), { type: "release" });
    void released.then(() => {
      answers += 1;
    });
    await system.schedule.advance(5_000);

    expect(answers, `seed ${seed}`).toBe(1);
    expect(system.disk.rows.filter(({ key }) => key.includes("moody"))).toEqual([]);
  }
});
