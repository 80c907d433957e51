// The runtime's promises, under seeded interleavings and faults at storage writes. A failing case is
// printed with the command that runs exactly it again.

import { expect, test } from "vitest";
import {
  crowdedFaults,
  type Fault,
  faultsText,
  parseFaults,
  randomFaults,
  type Stage,
} from "./faults.ts";
import { lasting, violations } from "./oracle.ts";
import { type Course, settingsOf, simulate } from "./simulate.ts";

const FILE = "dist/test/runtime/testkit/simulation.test.js";
/** Seeds of which every storage write is tried, and seeds with faults of their own. */
const SEEDS_WRITE_BY_WRITE = 3;
const SEEDS = 1_000;
const SEEDS_CROWDED = 400;
/** On a busy machine fewer seeds are tried in this time, but never fewer than the least. */
const SEEDS_MS = 40_000;
const SEEDS_MIN = 300;
/** Seeds beyond those that found something once. */
const SEEDS_OF_FINDS = [
  5_160, 5_595, 5_843, 6_221, 7_610, 8_219, 8_807, 9_160, 9_629, 10_334, 11_160, 12_126, 21_059,
  22_272, 23_114, 27_293, 27_337, 30_039, 34_644, 37_742, 38_341, 39_052, 54_028, 55_299, 58_413,
  63_722,
];
/** Seeds whose crowded plans found something once. */
const SEEDS_CROWDED_FINDS = [531];

const { TROUPE_SEED, TROUPE_FAULTS = "" } = process.env;

/** Runs a case and says what is wrong with it, and how to run it again. */
async function judge(seed: number, faults: readonly Fault[]): Promise<Course> {
  const again = `TROUPE_SEED=${seed} TROUPE_FAULTS="${faultsText(faults)}" npx vitest run ${FILE}`;
  const course = await simulate(seed, faults).catch((error: unknown) => {
    throw new Error(`${again}\n${String(error)}`, { cause: error });
  });
  const wrong = violations(course);
  if (wrong.length > 0) throw new Error(`${again}\n  ${wrong.join("\n  ")}`);
  return course;
}

if (TROUPE_SEED !== undefined) {
  test("the case that was asked for", async () => {
    const { trace, writes } = await judge(Number(TROUPE_SEED), parseFaults(TROUPE_FAULTS));
    console.log(`trace ${trace}, ${writes} writes`);
  });
}

test("a seed and its faults are one course: every task at its time", async () => {
  for (let seed = 1; seed <= 20; seed += 1) {
    const faults = randomFaults(seed, settingsOf(seed).workers);

    const [one, other] = [await judge(seed, faults), await judge(seed, faults)];

    expect(other.trace, `seed ${seed}`).toBe(one.trace);
    expect(other.rows, `seed ${seed}`).toEqual(one.rows);
    expect(parseFaults(faultsText(faults)), `seed ${seed}`).toEqual(faults);
  }
});

test("after a crash at any storage write everything is as without it", async () => {
  for (let seed = 1; seed <= SEEDS_WRITE_BY_WRITE; seed += 1) {
    const calm = await judge(seed, []);
    for (let write = 2; write <= calm.writes; write += 1) {
      const stage: Stage = write % 2 === 0 ? "committed" : "writing";

      const course = await judge(seed, [{ type: "process", write, stage }]);

      expect(lasting(course), `seed ${seed}, write ${write}`).toEqual(lasting(calm));
    }
  }
}, 300_000);

test("no promise is broken by crashes, power loss, dying workers, moving shards and clock jumps", async () => {
  const seeds = Array.from({ length: SEEDS }, (_, at) => at + 1);
  await judgeAll([...SEEDS_OF_FINDS, ...seeds], randomFaults);
}, 300_000);

test("no promise is broken by full disks while shards move and workers die", async () => {
  const seeds = Array.from({ length: SEEDS_CROWDED }, (_, at) => at + 1);
  await judgeAll([...SEEDS_CROWDED_FINDS, ...seeds], crowdedFaults);
}, 300_000);

async function judgeAll(
  seeds: readonly number[],
  faultsOf: (seed: number, workers: number) => readonly Fault[],
): Promise<void> {
  const endMs = performance.now() + SEEDS_MS;
  for (const [at, seed] of seeds.entries()) {
    if (at > SEEDS_MIN && performance.now() > endMs) break;
    await judge(seed, faultsOf(seed, settingsOf(seed).workers));
  }
}
