// kill -9 of the bare runtime at random moments, its start included: what it acknowledged is there
// after every life, whole and once, and stored steps are not called again.

import { expect, test } from "vitest";
import { killLoop } from "../support/kill-loop.ts";

const CHAINS = 2;
const KILLS = 50;

test("kill -9 a hundred times: nothing acknowledged is lost, torn or done twice", {
  timeout: 150_000,
}, async () => {
  const seed = Number(process.env["KILL_SEED"] ?? Date.now() % 1_000_000);
  console.log(`kill.test: seed ${seed} (KILL_SEED repeats it)`);

  const reports = await Promise.all(
    Array.from({ length: CHAINS }, (_, chain) =>
      killLoop({ kills: KILLS, seed: seed + chain, workers: 0, linesMax: 120 }),
    ),
  );

  for (const report of reports) {
    const { lost, torn, doubled, ...figures } = report;
    console.log(`kill.test: ${JSON.stringify(figures)}`);
    expect({ lost, torn, doubled }).toEqual({ lost: [], torn: [], doubled: [] });
    expect(report.acknowledged).toBeGreaterThan(KILLS);
    expect(report.runs).toBeGreaterThan(0);
    expect(report.reminders).toBeGreaterThan(0);
  }
});
