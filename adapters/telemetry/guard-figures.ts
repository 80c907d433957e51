// What guardrails have found, by check and action, counted by all threads in one memory.

import type { GuardAction, GuardCheck, GuardFigures } from "../../actors/records/guardrail.ts";

// Named here: the schemas of guardrails are not loaded for them at every start.
const guardChecks: readonly GuardCheck["type"][] = [
  ...(["length", "pattern", "words", "pii", "injection", "schema", "judge"] as const),
];
const guardActions: readonly GuardAction[] = ["block", "redact", "flag", "ask"];

/** How often each was found since the start. */
export type GuardCounts = readonly {
  readonly check: string;
  readonly action: GuardAction;
  readonly count: number;
}[];

/** The counters. */
export interface CountedGuards extends GuardFigures {
  /** Those that are not 0. */
  counts(): GuardCounts;
}

/** The memory that they are in: plain data to hand to other threads. */
export function guardMemory(): SharedArrayBuffer {
  const cells = guardChecks.length * guardActions.length;
  return new SharedArrayBuffer(cells * Int32Array.BYTES_PER_ELEMENT);
}

/** The counters of a memory, on any thread. */
export function createGuardFigures(memory: SharedArrayBuffer): CountedGuards {
  const cells = new Uint32Array(memory);
  const wide = guardActions.length;
  return {
    found: (check, action) => {
      const at = guardChecks.indexOf(check) * wide + guardActions.indexOf(action);
      Atomics.add(cells, at, 1);
    },
    counts: () =>
      guardChecks
        .flatMap((check, row) =>
          guardActions.map((action, column) => {
            return { check, action, count: Atomics.load(cells, row * wide + column) };
          }),
        )
        .filter(({ count }) => count > 0),
  };
}
