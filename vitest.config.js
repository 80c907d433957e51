// Tests run on the compiled output: a `.ts` worker entry cannot be started on Node 20.
import { defineConfig } from "vitest/config";
import { BaseSequencer } from "vitest/node";

const all = "dist/test/**/*.test.js";
/** What is held to a time by the clock has the machine to itself but for one neighbour. */
const timed = [
  "dist/test/e2e/clock.test.js",
  "dist/test/e2e/embedding-lag.test.js",
  "dist/test/packs/large.test.js",
  "dist/test/runtime/deaths.test.js",
  "dist/test/runtime/lag.test.js",
];
/** What looks at its process - memory, CPU time, modules loaded, errors nobody caught - or stops its clock has one of its own. */
const alone = [
  "dist/test/actors/guard/linear.test.js",
  "dist/test/actors/knowledge/split.test.js",
  "dist/test/adapters/egress.test.js",
  "dist/test/adapters/embed/local.test.js",
  "dist/test/adapters/parse/broken.test.js",
  "dist/test/adapters/parse/pool-parser.test.js",
  "dist/test/adapters/skills/read-skill.test.js",
  "dist/test/http/anthropic/message-stream.test.js",
  "dist/test/http/door-turns.test.js",
  "dist/test/http/fuzz/fuzz.test.js",
  "dist/test/http/gate/work-gate.test.js",
  "dist/test/http/rate.test.js",
  "dist/test/http/services/answering.test.js",
  "dist/test/http/slow-readers.test.js",
  "dist/test/http/upload.test.js",
  "dist/test/runtime/clock-jump.test.js",
  "dist/test/runtime/door/door.test.js",
  "dist/test/runtime/threads/compute-memory.test.js",
  "dist/test/runtime/threads/compute-slots.test.js",
];
/** What takes half a minute or waits for a clock begins first: no core is idle beside it at the end. */
const long = [
  "dist/test/e2e/channels-kill.test.js",
  "dist/test/e2e/channels-mail-kill.test.js",
  "dist/test/e2e/clock-sleep.test.js",
  "dist/test/e2e/budgets.test.js",
  "dist/test/e2e/ingest-kill.test.js",
  "dist/test/e2e/readme.test.js",
  "dist/test/e2e/tenants.test.js",
  "dist/test/e2e/trigger-kill.test.js",
  "dist/test/runtime/kill.test.js",
  "dist/test/runtime/pool.test.js",
  "dist/test/runtime/testkit/simulation.test.js",
  "dist/test/runtime/threads/worker-pool.test.js",
];
class LongFirst extends BaseSequencer {
  async sort(files) {
    const sorted = await super.sort(files);
    const isLong = ({ moduleId }) => long.some((name) => moduleId.endsWith(name));
    return [...sorted.filter(isLong), ...sorted.filter((file) => !isLong(file))];
  }
}
/** They wait for processes half of their time: one more of them than cores keeps these busy. */
const many = { maxWorkers: 3, sequence: { groupOrder: 1 } };

export default defineConfig({
  test: {
    pool: "forks",
    projects: [
      {
        extends: true,
        test: { name: "timed", include: timed, maxWorkers: 2, sequence: { groupOrder: 0 } },
      },
      { extends: true, test: { name: "alone", include: alone, ...many } },
      {
        // Many files in one process: what they import is loaded once. So each file ends what it begins and
        // sets back what it sets.
        extends: true,
        test: {
          ...{ name: "all others", include: [all], exclude: [...timed, ...alone] },
          ...{ isolate: false, ...many },
        },
      },
    ],
    // Only the tests themselves go through Vite; what they import is plain JavaScript that Node loads.
    server: { deps: { external: [/\/dist\/(?!test\/.*\.test\.js)/] } },
    sequence: { sequencer: LongFirst },
    // What is waited for comes sooner or later: on a busy machine later.
    expect: { poll: { timeout: 20_000 } },
    testTimeout: 120_000,
    hookTimeout: 120_000,
    reporters: ["default", "./dist/test/support/summary-reporter.js"],
  },
});
