// No room on the disk: new work is refused, nothing acknowledged is lost, what was under way waits,
// and everything goes on when there is room. First on virtual time at every storage write, then with
// a real disk.

import { expect, test } from "vitest";
import { type Result, simulate } from "../support/simulated-work.ts";

const SEEDS = 4;
const PLACES_A_SEED = 40;

function lasting(result: Result): unknown {
  const { balances, counters, acknowledged, deadLetters, openRuns, inboxRows } = result;
  return { balances, counters, acknowledged, deadLetters, openRuns, inboxRows };
}

test("a disk that fills at any storage write loses and doubles nothing, and work goes on by itself", {
  timeout: 60_000,
}, async () => {
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    const calm = await simulate({ seed });
    const step = Math.max(1, Math.floor(calm.commits / PLACES_A_SEED));
    for (let fullAt = 2; fullAt <= calm.commits; fullAt += step) {
      const where = `seed ${seed}, full at write ${fullAt}`;

      const result = await simulate({ seed, fullAt });

      expect(lasting(result), where).toEqual(lasting(calm));
      for (const [key, calls] of result.world.calls) {
        const hasEffect = key.endsWith("/pay") || key.endsWith("/send");
        if (hasEffect) expect(calls, `${where}: calls of ${key}`).toBeLessThanOrEqual(1);
      }
    }
  }
});
