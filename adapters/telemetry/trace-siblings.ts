// Runs of one trace end one after the other: a message is taken in, answered and delivered by three. When one of them
// fails, or is slow, the others are kept with it, though the trace is not sampled. Remembered for a while, bounded.

import type { EndedRun } from "./ended-runs.ts";

/** Traces that are remembered, and runs of one. */
const TRACES_MAX = 1_000;
const RUNS_MAX = 50;

/** Of traces that are not sampled. */
export class TraceSiblings {
  readonly #wanted = new Set<string>();
  readonly #passed = new Map<string, EndedRun[]>();

  /** Whether a run of it was kept. */
  isWanted(trace: string): boolean {
    return this.#wanted.has(trace);
  }

  /** A run of it is kept. @returns those that were passed over before. */
  want(trace: string): readonly EndedRun[] {
    this.#wanted.add(trace);
    shorten(this.#wanted);
    const passed = this.#passed.get(trace) ?? [];
    this.#passed.delete(trace);
    return passed;
  }

  /** A run of it is passed over. */
  pass(trace: string, run: EndedRun): void {
    const passed = this.#passed.get(trace) ?? [];
    if (passed.length < RUNS_MAX) passed.push(run);
    this.#passed.set(trace, passed);
    shorten(this.#passed);
  }
}

/** The oldest goes. */
function shorten(of: Set<string> | Map<string, unknown>): void {
  if (of.size <= TRACES_MAX) return;
  const [first] = of.keys();
  if (first !== undefined) of.delete(first);
}
