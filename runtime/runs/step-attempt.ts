// What a step's function is given. A class, since V8 makes a hidden class for every object literal with
// a getter: it lies in the old generation and keeps the getter's closure, and with it the whole run,
// until the next major collection.

import type { Attempt } from "../actor.ts";
import type { LazyAbort } from "../shared/lazy-abort.ts";
import type { Run } from "./run.ts";

/** One call of a step's function. */
export class StepAttempt implements Attempt {
  readonly number: number;
  /** Whether its function has shown text. */
  hasWritten = false;
  readonly #run: Run;
  readonly #step: string;
  readonly #abort: LazyAbort;

  constructor(run: Run, of: { step: string; number: number; abort: LazyAbort }) {
    this.number = of.number;
    this.#run = run;
    this.#step = of.step;
    this.#abort = of.abort;
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** A property, so that code may take it out of the attempt. */
  readonly write = (text: string): void => {
    const { id, tree, outcome } = this.#run;
    if (this.#abort.isAborted || outcome || tree.isDropped || text === "") return;
    this.hasWritten = true;
    tree.write({ run: id, step: this.#step, attempt: this.number }, text);
  };
}
