// Runs that find too little: they stop or wait as their budget says, over crashes and turns of its period.

import { expect, test } from "vitest";
import { treasuryAddress } from "../../../actors/money/messages.ts";
import { budgetTables, periodAt, periodEndMs } from "../../../actors/records/budget.ts";
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
  settled,
  spendersOn,
  tenant,
} from "./spenders.ts";

const DAY_MS = 86_400_000;

/** Starts one run by itself. */
async function startOne(system: TestSystem, input: SpenderInput, name = "one"): Promise<void> {
  const id = `rn_${name.padEnd(26, "0")}`;
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

test.each(["day", "month"] as const)(
  "what waits for a %s to end goes on with the next one, which counts from nothing",
  async (period) => {
    const world = newWorld({ full: 1 });
    const system = spendersOn({ seed: 7, world });
    await system.start();
    // A call waits for some days at most.
    const laterMs = (periodEndMs(period, system.schedule.nowMs) ?? 0) - system.schedule.nowMs;
    if (period === "month") system.schedule.jump(laterMs - DAY_MS);
    const id = bd("all");
    await createBudget(system, { id, limitMicros: 400, on_exhausted: "pause", period });
    const { nowMs } = system.schedule;
    await startOne(system, { ...one, calls: 2 });
    await system.schedule.advance(60_000);
    expect([world.spent.length, endsOf(system).length]).toEqual([1, 0]);
    expect(rowsOf(system, budgetTables.pauses)).toHaveLength(1);
    const endMs = periodEndMs(period, nowMs) ?? 0;
    await system.schedule.advance(endMs - system.schedule.nowMs - 60_000);
    expect(world.spent).toHaveLength(1);
    await system.schedule.advance(240_000);
    expect(endsOf(system)).toEqual(["completed"]);
    const [first = 0, second = 0] = world.spent.map(({ micros }) => micros);
    expect(accountOf(system, id, periodAt(period, nowMs))).toEqual({ used: first, held: 0 });
    expect(accountOf(system, id, periodAt(period, endMs))).toEqual({ used: second, held: 0 });
    expect(rowsOf(system, budgetTables.pauses)).toEqual([]);
  },
);

test("a conversation stays within its budget however many runs it has", async () => {
  const world = newWorld({ full: 1 });
  const system = spendersOn({ seed: 8, world });
  await system.start();
  // More runs than a purse remembers by themselves, each with an account of its own.
  const [runs, limitMicros] = [90, 8_000];
  const each = { scope: "conversation", subject: "each" } as const;
  await createBudget(system, { id: bd("cv"), limitMicros, ...each });
  await createBudget(system, { id: bd("run"), limitMicros, scope: "run", subject: "each" });
  for (let at = 0; at < runs; at += 1) {
    await startOne(system, { ...one, maxTokens: 10 }, `n${at}x`);
    await system.schedule.until(() => endsOf(system).length === at + 1, 60_000);
  }
  const spent = over(world, () => true);
  expect(spent).toBeLessThanOrEqual(limitMicros);
  expect(spent).toBeGreaterThan(limitMicros - 2 * (world.spent[0]?.micros ?? 0));
  expect(world.refusals.length).toBe(runs - world.spent.length);
});

test("wherever the power fails in a run whose slice holds one call, what is spent is counted", async () => {
  for (let at = 0; at < 4 * 14; at += 1) {
    const cut = 4 + (at >> 2);
    const world = newWorld({ full: 1 });
    let [boots, isDown] = [0, false];
    let made: TestSystem | undefined;
    const system = spendersOn({
      ...{ seed: at, world, flushMs: at % 3, bootOf: () => `boot-${boots}` },
      onWrite(write, stage) {
        if (boots > 0 || write < cut || stage !== "flushing") return;
        [boots, isDown] = [1, true];
        made?.crash("power");
      },
    });
    made = system;
    await system.start();
    await createBudget(system, { id: bd("all"), limitMicros: 7_500 });
    await startOne(system, { ...one, calls: 6, maxTokens: 20 }).catch(() => undefined);
    await system.schedule.until(() => isDown || endsOf(system).length > 0, 600_000);
    boots = 1;
    if (isDown) await system.start();
    await system.schedule.advance(120_000);
    // What a cut has taken is counted with the next call.
    await startOne(system, { ...one, maxTokens: 20 }, "two");
    await system.schedule.advance(10_000);
    const { used } = accountOf(system, bd("all"));
    expect(
      over(world, () => true),
      `seed ${at}, cut at ${cut}`,
    ).toBeLessThanOrEqual(used);
  }
});
