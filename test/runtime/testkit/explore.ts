// Runs many seeds from the command line, or one case again:
//   node dist/test/runtime/testkit/explore.js FIRST COUNT [crowded]    (crowded: the plans of that name)
//   TROUPE_SEED=7 TROUPE_FAULTS="power@30 stage=flushing" node dist/test/runtime/testkit/explore.js

import { crowdedFaults, faultsText, parseFaults, randomFaults } from "./faults.ts";
import { violations } from "./oracle.ts";
import { settingsOf, simulate } from "./simulate.ts";

const [first = "1", count = "100", plans = ""] = process.argv.slice(2);
const { TROUPE_SEED, TROUPE_FAULTS } = process.env;
const beganMs = performance.now();
const faultsOf = plans === "crowded" ? crowdedFaults : randomFaults;
let failed = 0;
const seeds =
  TROUPE_SEED === undefined
    ? Array.from({ length: Number(count) }, (_, at) => Number(first) + at)
    : [Number(TROUPE_SEED)];
for (const seed of seeds) {
  const faults =
    TROUPE_FAULTS === undefined
      ? faultsOf(seed, settingsOf(seed).workers)
      : parseFaults(TROUPE_FAULTS);
  let wrong: readonly string[];
  let trace = "";
  try {
    const course = await simulate(seed, faults);
    wrong = violations(course);
    trace = course.trace;
  } catch (error) {
    wrong = [error instanceof Error ? String(error.stack) : String(error)];
  }
  if (TROUPE_SEED !== undefined) console.log(`trace ${trace}`);
  if (wrong.length === 0) continue;
  failed += 1;
  console.log(`TROUPE_SEED=${seed} TROUPE_FAULTS="${faultsText(faults)}"`);
  for (const what of wrong.slice(0, 8)) console.log(`  ${what}`);
}
const ms = performance.now() - beganMs;
console.log(`${seeds.length} seeds, ${failed} failed, ${(ms / seeds.length).toFixed(1)} ms each`);
