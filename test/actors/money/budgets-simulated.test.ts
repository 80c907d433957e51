// Budgets under seeded schedules: two workers, a provider that is slow, refuses, cuts and counts too much,
// and a process or a machine that dies at any write. What really was spent is counted outside of it all.

import { expect, test } from "vitest";
import { budgetTables } from "../../../actors/records/budget.ts";
import { seeded } from "../../../runtime/testkit/schedule.ts";
import type { TestSystem } from "../../../runtime/testkit/test-system.ts";
import {
  accountOf,
  bd,
  createBudget,
  deskAt,
  endsOf,
  newWorld,
  over,
  rootAt,
  rowsOf,
  type SpenderInput,
  slackOf,
  spendersOn,
  unflushedCalls,
} from "./spenders.ts";

const ROOTS = 6;
const RUNS_OF_ROOT = 2;
const RUNS = ROOTS * RUNS_OF_ROOT;

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

test.each(Array.from({ length: 6 }, (_, seed) => seed))(
  "a run that is cancelled, at whatever moment, leaves nothing reserved, and its call counts (seed %i)",
  async (seed) => {
    const random = seeded(seed + 7_000);
    const world = newWorld();
    // With a mark ahead, without, and where a call waits for what others hold.
    const bootOf = (): string | null => (seed % 2 === 0 ? "boot" : null);
    const system = spendersOn({ seed, world, bootOf });
    await system.start();
    const limitMicros = seed < 4 ? 100_000 : 3_000;
    const on_exhausted = seed === 5 ? "pause" : "stop";
    await createBudget(system, { id: bd("all"), limitMicros, on_exhausted });
    startRuns(system, inputAt(random))();
    for (let at = 0; at < RUNS; at += 1) {
      await system.schedule.advance(Math.floor(random() * 12));
      const id = `rn_${String(at).padStart(26, "0")}`;
      system.ask(deskAt(rootAt(at % ROOTS)), { type: "cancel", id }).catch(() => undefined);
    }
    await untilEnded(system);

    const account = accountOf(system, bd("all"));
    expect(account.held).toBe(0);
    expect(account.used).toBeGreaterThanOrEqual(over(world, () => true));
    expect(account.used).toBeLessThanOrEqual(limitMicros);
    expect(endsOf(system)).toContain("cancelled");
    expect(rowsOf(system, budgetTables.reservations)).toEqual([]);
    expect(rowsOf(system, budgetTables.cuts)).toEqual([]);
    expect(rowsOf(system, budgetTables.queues)).toEqual([]);
    expect(rowsOf(system, budgetTables.pauses)).toEqual([]);
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

/** Budgets of which a slice holds several calls, or one; runs want more than either has. */
const plenty = 30_000;
const scarce = 12_000;
const CUTS = 4;
const many = (): SpenderInput => ({ calls: 24, maxTokens: 20, agent: "ag_0", keyId: "ak_0" });

test.each(
  Array.from({ length: 8 }, (_, seed) => {
    const isSlow = seed % 2 === 1;
    return [seed, isSlow ? 60 : 0, seed % 4 === 3 ? scarce : plenty] as const;
  }),
)(
  "what went out before it was flushed is counted when the power fails (seed %i, flushes of %i ms, %i)",
  async (seed, flushMs, limitMicros) => {
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
      flushMs,
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
    await createBudget(made, { id: bd("all"), limitMicros });
    const each = { scope: "conversation", subject: "each" } as const;
    await createBudget(made, { id: bd("cv"), limitMicros, ...each });
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
    expect(account.used).toBeLessThanOrEqual(limitMicros);
    expect(account.held).toBe(0);
    // A cut costs the calls that were open or asked for, and a slice of each of two workers at most.
    const most = forgotten.reduce((sum, { slack }) => sum + slack, 0) + 2 * cuts * RUNS * 125;
    expect(account.used - spent).toBeLessThanOrEqual(most);
    for (const { slack } of forgotten) expect(slack).toBeLessThanOrEqual(2 * 0.02 * limitMicros);
  },
  60_000,
);
