// Prints the last line of a test run, `N passed, N failed, N skipped`, which people and CI read.

import type { Reporter, TestModule, TestRunEndReason } from "vitest/node";

export default class SummaryReporter implements Reporter {
  onTestRunEnd(
    modules: ReadonlyArray<TestModule>,
    unhandledErrors: ReadonlyArray<unknown>,
    _reason: TestRunEndReason,
  ): void {
    const counts = { passed: 0, failed: unhandledErrors.length, skipped: 0, pending: 0 };
    for (const module of modules) {
      if (module.errors().length > 0) counts.failed += 1;
      for (const test of module.children.allTests()) counts[test.result().state] += 1;
    }
    // After the default reporter's own summary, so that this line is the last one.
    process.on("exit", () => {
      const { passed, failed, skipped, pending } = counts;
      process.stdout.write(`\n${passed} passed, ${failed} failed, ${skipped + pending} skipped\n`);
    });
  }
}
