// The runtime's promises, under seeded interleavings and a crash at any storage write. A failing
// case names its seed and write; `simulate({ seed, crashAt })` replays it exactly.

import { expect, test } from "vitest";
import { type Result, simulate } from "../../support/simulated-work.ts";

const SEEDS = 8;
const CRASHES_A_SEED = 40;

/** What must be the same whatever happened in between. */
function lasting(result: Result): unknown {
  const { balances, counters, acknowledged, deadLetters, openRuns, inboxRows } = result;
  return { balances, counters, acknowledged, deadLetters, openRuns, inboxRows };
}

/** Outcomes of jobs; a payment cut by the crash may be unknown, which is what it must say. */
function outcomesAgree(result: Result, calm: Result, where: string): void {
  for (const [name, how] of Object.entries(calm.ended)) {
    const now = result.ended[name];
    if (how === "paid" && now === "STEP_UNKNOWN") continue;
    expect(now, `${where}: outcome of ${name}`).toBe(how);
  }
}

test("two runs of one seed are the same run", async () => {
  const first = await simulate({ seed: 1 });
  const second = await simulate({ seed: 1 });

  expect(second.commits).toBe(first.commits);
  expect(lasting(second)).toEqual(lasting(first));
});

test("a crash at any storage write loses nothing, doubles nothing and leaves nothing open", async () => {
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    const calm = await simulate({ seed });
    expect(calm.openRuns).toBe(0);
    const step = Math.max(1, Math.floor(calm.commits / CRASHES_A_SEED));
    for (let crashAt = 2; crashAt <= calm.commits; crashAt += step) {
      const where = `seed ${seed}, crash at write ${crashAt}`;

      const result = await simulate({ seed, crashAt });

      expect(lasting(result), where).toEqual(lasting(calm));
      outcomesAgree(result, calm, where);
      for (const [key, calls] of result.world.calls) {
        const isNever = key.endsWith("/pay");
        const isSend = key.endsWith("/send");
        if (isNever || isSend) expect(calls, `${where}: calls of ${key}`).toBeLessThanOrEqual(1);
        else expect(calls, `${where}: calls of ${key}`).toBeLessThanOrEqual(2);
      }
    }
  }
}, 120_000);

test("after power loss every acknowledged message is there", async () => {
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    const calm = await simulate({ seed });

    const result = await simulate({ seed, power: true });

    expect(result.crashes, `seed ${seed}`).toBe(1);
    expect(lasting(result), `seed ${seed}`).toEqual(lasting(calm));
  }
}, 120_000);
