// What became of the batches of one connection in one group.

import type { Answer } from "../store/connection.ts";

/** Answers of one group to one client. */
export interface Outcome {
  readonly first: number;
  readonly generation: number;
  committedThrough: number;
  readonly counters: [number, string, number][];
  readonly refusals: Answer[];
}

/** Of a group in which nothing of it was judged yet. */
export function newOutcome(first: number, generation: number): Outcome {
  return { first, generation, committedThrough: 0, counters: [], refusals: [] };
}

/** As they are told. */
export function answersOf(outcome: Outcome): readonly Answer[] {
  const { committedThrough: through, counters, refusals } = outcome;
  if (through === 0) return refusals;
  const committed: Answer =
    counters.length === 0
      ? { type: "committed", through }
      : { type: "committed", through, counters };
  return [committed, ...refusals];
}
