// Tests run on the compiled output: a `.ts` worker entry cannot be started on Node 20.
import { defineConfig } from "vitest/config";

const actors = "dist/test/actors/**/*.test.js";

export default defineConfig({
  test: {
    pool: "forks",
    projects: [
      {
        // What needs no native module shares its process, and loads what it imports once.
        extends: true,
        test: { name: "actors", include: [actors], isolate: false },
      },
      {
        // Native modules (LMDB, uWebSockets.js) want a process of their own for each file.
        extends: true,
        test: { name: "all others", include: ["dist/test/**/*.test.js"], exclude: [actors] },
      },
    ],
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    reporters: ["default", "./dist/test/support/summary-reporter.js"],
  },
});
