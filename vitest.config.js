// Tests run on the compiled output: a `.ts` worker entry cannot be started on Node 20.
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["dist/test/**/*.test.js"],
    // Native modules (LMDB, uWebSockets.js) want a process of their own for each file.
    pool: "forks",
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    reporters: ["default", "./dist/test/support/summary-reporter.js"],
  },
});
