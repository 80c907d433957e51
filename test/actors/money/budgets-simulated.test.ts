// Budgets under seeded schedules: two workers, a provider that is slow, refuses, cuts and counts too much,
// and a process or a machine that dies at any write. What really was spent is counted outside of it all.

import { expect, test } from "vitest";
import { treasuryAddress } from "../../../actors/money/messages.ts";
import { budgetTables, periodAt, periodEndMs } from "../../../actors/records/budget.ts";
import { seeded } from "../../../runtime/testkit/schedule.ts";
import type { TestSystem } from "../../../runtime/testkit/test-system.ts";
import {
  accountOf,
  createBudget,
  deskAt,
  endsOf,
  newWorld,
  rowsOf,
  type SpenderInput,
  settled,
  slackOf,
  spendersOn,
  tenant,
  unflushedCalls,
  type World,
} from "./spenders.ts";

const ROOTS = 6;
const RUNS_OF_ROOT = 2;
const RUNS = ROOTS * RUNS_OF_ROOT;

/** Ids as they are, so that they can be checked where they are read. */
const bd = (name: string): string => `bd_${name.padEnd(26, "0")}`;

const rootAt = (at: number): string => `cv_${at}`;

/** Sends what starts the runs, and again what a crash took, under the same key. */
function startRuns(system: TestSystem, input: (at: number) => SpenderInput): () => void {
  const inputs = Array.from({ length: RUNS }, (_, at) => input(at));
  const started = new Set<number>();
  return () => {
    for (const [at, one] of inputs.entries()) {
      if (started.has(at)) continue;
      const id = `rn_${String(at).padStart(26, "0")}`;
      const key = { source: "http", key: id, bodyHash: id, hours: 24 };
      const message = { type: "start", id, input: one };
      system.ask(deskAt(rootAt(at % ROOTS)), message, key).then(
        () => started.add(at),
        () => undefined,
      );
    }
  };
}

const over = (world: World, fits: (one: World["spent"][number]) => boolean): number =>
  world.spent.filter(fits).reduce((sum, { micros }) => sum + micros, 0);

async function untilEnded(system: TestSystem): Promise<void> {
  const isDone = (): boolean => endsOf(system).length === RUNS;
  expect(await system.schedule.until(isDone, 3_600_000)).toBe(true);
  await system.schedule.advance(5_000);
}

function inputAt(random: () => number): (at: number) => SpenderInput {
  return (at) => ({
    calls: 1 + Math.floor(random() * 3),
    maxTokens: 100 + Math.floor(random() * 900),
    agent: `ag_${at % 3}`,
    keyId: `ak_${at % 2}`,
  });
}

test.each(Array.from({ length: 12 }, (_, seed) => seed))(
  "what is spent stays within every budget, and nobody is refused what is left (seed %i)",
  async (seed) => {
    const random = seeded(seed + 1_000);
    const world = newWorld({ fail: 0.1 });
    const system = spendersOn({ seed, world, workers: 2 + (seed % 2) * 2 });
    await system.start();
    const limits = { all: 9_000, key: 6_000, agent: 4_000, conversation: 2_500, run: 2_000 };
    await createBudget(system, { id: bd("all"), limitMicros: limits.all });
    const one = { scope: "key", subject: "ak_0" } as const;
    await createBudget(system, { id: bd("key"), limitMicros: limits.key, ...one });
    const agent = { scope: "agent", subject: "ag_1" } as const;
    await createBudget(system, { id: bd("agent"), limitMicros: limits.agent, ...agent });
    const conversation = { scope: "conversation", subject: "each" } as const;
    await createBudget(system, { id: bd("cv"), limitMicros: limits.conversation, ...conversation });
    const run = { scope: "run", subject: "each" } as const;
    await createBudget(system, { id: bd("run"), limitMicros: limits.run, ...run });
    startRuns(system, inputAt(random))();
    await untilEnded(system);

    expect(over(world, () => true)).toBeLessThanOrEqual(limits.all);
    expect(over(world, ({ keyId }) => keyId === "ak_0")).toBeLessThanOrEqual(limits.key);
    expect(over(world, ({ agent: of }) => of === "ag_1")).toBeLessThanOrEqual(limits.agent);
    for (let at = 0; at < ROOTS; at += 1) {
      const spent = over(world, ({ root }) => root === rootAt(at));
      expect(spent).toBeLessThanOrEqual(limits.conversation);
    }
    for (const { run: id } of world.spent) {
      expect(over(world, (one) => one.run === id)).toBeLessThanOrEqual(limits.run);
    }
    // Nothing was lost, so what is counted is what was spent, and no refusal but where too little was left.
    expect(accountOf(system, bd("all"))).toEqual({ used: over(world, () => true), held: 0 });
    expect(rowsOf(system, budgetTables.reservations)).toEqual([]);
    expect(rowsOf(system, budgetTables.queues)).toEqual([]);
    for (const { scope, needMicros, left, limit, spentMicros } of world.refusals) {
      expect(needMicros).toBeGreaterThan(left);
      if (scope === "tenant") expect(spentMicros + needMicros).toBeGreaterThan(limit);
    }
    expect(world.spent.length).toBeGreaterThan(0);
  },
  60_000,
);

test.each(
  Array.from({ length: 24 }, (_, seed) => [seed, seed % 2 === 0 ? "process" : "power"] as const),
)(
  "a crash at any write lets nothing be overspent and leaves nothing reserved (seed %i, %s)",
  async (seed, kind) => {
    const random = seeded(seed + 5_000);
    const world = newWorld({ fail: 0.1, cut: 0.1 });
    const crashes = new Set(Array.from({ length: 4 }, () => 20 + Math.floor(random() * 120)));
    let system: TestSystem | undefined;
    let isDown = false;
    const stages = ["writing", "committed", "flushing", "flushed"] as const;
    const made = spendersOn({
      seed,
      world,
      onWrite(write, stage) {
        if (!crashes.has(write) || stage !== stages[write % 4]) return;
        crashes.delete(write);
        isDown = true;
        system?.crash(kind);
      },
    });
    system = made;
    await made.start();
    const limitMicros = 9_000;
    await createBudget(made, { id: bd("all"), limitMicros });
    const each = { scope: "conversation", subject: "each" } as const;
    await createBudget(made, { id: bd("cv"), limitMicros: 4_000, ...each });
    const send = startRuns(made, inputAt(random));
    send();
    const isDone = (): boolean => endsOf(made).length === RUNS;
    for (let life = 0; life < 12 && !isDone(); life += 1) {
      await made.schedule.until(() => isDown || isDone(), 3_600_000);
      while (isDown) {
        isDown = false;
        await made.start();
      }
      send();
    }
    await untilEnded(made);

    const spent = over(world, () => true);
    const account = accountOf(made, bd("all"));
    expect(spent).toBeLessThanOrEqual(limitMicros);
    expect(account.held).toBe(0);
    expect(account.used).toBeLessThanOrEqual(limitMicros);
    expect(account.used).toBeGreaterThanOrEqual(spent);
    expect(rowsOf(made, budgetTables.reservations)).toEqual([]);
    expect(rowsOf(made, budgetTables.cuts)).toEqual([]);
    for (let at = 0; at < ROOTS; at += 1) {
      expect(over(world, ({ root }) => root === rootAt(at))).toBeLessThanOrEqual(4_000);
    }
  },
  60_000,
);

test("what a provider counts beyond its bound is settled, marked, and stops the next call", async () => {
  const world = newWorld({ over: 1 });
  const system = spendersOn({ seed: 3, world });
  await system.start();
  await createBudget(system, { id: bd("all"), limitMicros: 3_000 });
  startRuns(system, () => ({ calls: 8, maxTokens: 400, agent: "ag_0", keyId: "ak_0" }))();
  await untilEnded(system);
  const account = accountOf(system, bd("all"));
  expect(account).toEqual({ used: over(world, () => true), held: 0 });
  const overruns = (rowsOf(system, "audit") as { action: string }[]).filter(
    ({ action }) => action === "budget.overrun",
  );
  expect(overruns.length).toBeGreaterThan(0);
  expect(world.refusals.length).toBeGreaterThan(0);
});

/** A budget of which a slice holds several calls, and runs that want more than it has. */
const plenty = 30_000;
const CUTS = 4;
const many = (): SpenderInput => ({ calls: 24, maxTokens: 20, agent: "ag_0", keyId: "ak_0" });

test.each(Array.from({ length: 6 }, (_, seed) => seed))(
  "what went out before it was flushed is counted when the power fails (seed %i)",
  async (seed) => {
    const random = seeded(seed + 9_000);
    const world = newWorld({ full: 1 });
    let system: TestSystem | undefined;
    let isDown = false;
    let cuts = 0;
    let from = 0;
    const forgotten: { readonly micros: number; readonly slack: number }[] = [];
    const made = spendersOn({
      seed,
      world,
      bootOf: () => `boot-${cuts}`,
      onWrite(_, stage) {
        if (stage !== "flushing" || cuts === CUTS || system === undefined) return;
        // Where it hurts: calls have gone out, and the disk does not have them.
        const gone = unflushedCalls(system, world, from);
        if (gone.length === 0 || (cuts > 0 && random() > 0.5)) return;
        isDown = true;
        cuts += 1;
        from = world.spent.length;
        system.crash("power");
        const micros = gone.reduce((sum, one) => sum + one.micros, 0);
        forgotten.push({ micros, slack: slackOf(system, bd("all")) });
      },
    });
    system = made;
    await made.start();
    await createBudget(made, { id: bd("all"), limitMicros: plenty });
    const each = { scope: "conversation", subject: "each" } as const;
    await createBudget(made, { id: bd("cv"), limitMicros: plenty, ...each });
    const send = startRuns(made, many);
    send();
    const isDone = (): boolean => endsOf(made).length === RUNS;
    for (let life = 0; life <= CUTS + 1 && !isDone(); life += 1) {
      await made.schedule.until(() => isDown || isDone(), 3_600_000);
      while (isDown) {
        isDown = false;
        await made.start();
      }
      send();
    }
    await untilEnded(made);

    expect(forgotten.length).toBeGreaterThan(0);
    // What the disk had promised before holds whatever it has forgotten.
    for (const { micros, slack } of forgotten) expect(micros).toBeLessThanOrEqual(slack);
    const spent = over(world, () => true);
    const account = accountOf(made, bd("all"));
    expect(spent).toBeLessThanOrEqual(account.used);
    expect(account.used).toBeLessThanOrEqual(plenty);
    expect(account.held).toBe(0);
    // A cut costs the calls that were open, and a slice of each of two workers at most.
    const most = forgotten.reduce((sum, { slack }) => sum + slack, 0) + cuts * RUNS * 125;
    expect(account.used - spent).toBeLessThanOrEqual(most);
    for (const { slack } of forgotten) expect(slack).toBeLessThanOrEqual(2 * 0.02 * plenty);
  },
  60_000,
);

/** Starts one run by itself. */
async function startOne(system: TestSystem, input: SpenderInput): Promise<void> {
  const id = `rn_${"one".padEnd(26, "0")}`;
  await settled(system, system.ask(deskAt(rootAt(0)), { type: "start", id, input }));
}

async function raise(system: TestSystem, id: string, limit: number): Promise<void> {
  const by = { by: "operator" } as const;
  const change = { type: "change", id, subject: "tenant", patch: { limit }, by };
  await settled(system, system.ask(treasuryAddress(tenant), change));
}

const one: SpenderInput = { calls: 1, maxTokens: 100, agent: "ag_0", keyId: "ak_0" };

test.each(["stop", "pause"] as const)(
  "a further attempt for which too little is left is refused or waits, as its budget says (%s)",
  async (on_exhausted) => {
    // Each call is cut when it was paid for, and made once more.
    const world = newWorld({ cut: 1, full: 1 });
    const system = spendersOn({ seed: 5, world });
    await system.start();
    const id = bd("all");
    await createBudget(system, { id, limitMicros: 400, on_exhausted });
    await startOne(system, one);
    await system.schedule.advance(10_000);
    expect(world.spent).toHaveLength(1);
    expect(world.refusals).toHaveLength(on_exhausted === "stop" ? 1 : 0);
    expect(endsOf(system)).toHaveLength(on_exhausted === "stop" ? 1 : 0);
    await raise(system, id, 1);
    await system.schedule.advance(10_000);
    expect(endsOf(system)).toEqual([on_exhausted === "stop" ? "failed" : "completed"]);
    expect(world.spent).toHaveLength(on_exhausted === "stop" ? 1 : 2);
    expect(accountOf(system, id)).toEqual({ used: over(world, () => true), held: 0 });
  },
);

test.each(["process", "power"] as const)(
  "a paused call goes on waiting after a crash, and goes out once when there is more (%s)",
  async (kind) => {
    const world = newWorld({ full: 1 });
    const system = spendersOn({ seed: 6, world });
    await system.start();
    const id = bd("all");
    await createBudget(system, { id, limitMicros: 100, on_exhausted: "pause" });
    await startOne(system, one);
    await system.schedule.advance(5_000);
    system.crash(kind);
    await system.start();
    await system.schedule.advance(5_000);
    expect([world.spent.length, endsOf(system).length]).toEqual([0, 0]);
    await raise(system, id, 1);
    await system.schedule.advance(10_000);
    expect(endsOf(system)).toEqual(["completed"]);
    expect(accountOf(system, id)).toEqual({ used: over(world, () => true), held: 0 });
    expect(world.spent).toHaveLength(1);
  },
);

test("what waits for a day to end goes on with the next one, which counts from nothing", async () => {
  const world = newWorld({ full: 1 });
  const system = spendersOn({ seed: 7, world });
  await system.start();
  const id = bd("all");
  const pausing = { on_exhausted: "pause", period: "day" } as const;
  await createBudget(system, { id, limitMicros: 400, ...pausing });
  const { nowMs } = system.schedule;
  await startOne(system, { ...one, calls: 2 });
  await system.schedule.advance(60_000);
  expect([world.spent.length, endsOf(system).length]).toEqual([1, 0]);
  const endMs = periodEndMs("day", nowMs) ?? 0;
  await system.schedule.advance(endMs - system.schedule.nowMs - 60_000);
  expect(world.spent).toHaveLength(1);
  await system.schedule.advance(240_000);
  expect(endsOf(system)).toEqual(["completed"]);
  const [first = 0, second = 0] = world.spent.map(({ micros }) => micros);
  expect(accountOf(system, id, periodAt("day", nowMs))).toEqual({ used: first, held: 0 });
  expect(accountOf(system, id, periodAt("day", endMs))).toEqual({ used: second, held: 0 });
});
