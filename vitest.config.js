// Tests run on the compiled output: a `.ts` worker entry cannot be started on Node 20.
import { defineConfig } from "vitest/config";

const actors = "dist/test/actors/**/*.test.js";
/** What is held to a time by the clock has the machine to itself but for one neighbour. */
const timed = [
  "dist/test/e2e/clock.test.js",
  "dist/test/e2e/embedding-lag.test.js",
  "dist/test/packs/large.test.js",
  "dist/test/runtime/deaths.test.js",
  "dist/test/runtime/lag.test.js",
];
/** All others wait for processes half of their time: one more of them than cores keeps these busy. */
const many = { maxWorkers: 3, sequence: { groupOrder: 1 } };

export default defineConfig({
  test: {
    pool: "forks",
    projects: [
      {
        extends: true,
        test: { name: "timed", include: timed, maxWorkers: 2, sequence: { groupOrder: 0 } },
      },
      {
        // What needs no native module shares its process, and loads what it imports once.
        extends: true,
        test: { name: "actors", include: [actors], isolate: false, ...many },
      },
      {
        // Native modules (LMDB, uWebSockets.js) want a process of their own for each file.
        extends: true,
        test: {
          ...{ name: "all others", include: ["dist/test/**/*.test.js"] },
          ...{ exclude: [actors, ...timed], ...many },
        },
      },
    ],
    // Only the tests themselves go through Vite; what they import is plain JavaScript that Node loads.
    server: { deps: { external: [/\/dist\/(?!test\/.*\.test\.js)/] } },
    testTimeout: 60_000,
    hookTimeout: 60_000,
    reporters: ["default", "./dist/test/support/summary-reporter.js"],
  },
});
