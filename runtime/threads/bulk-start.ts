// A worker's wish to write to `bulk`: main starts that environment's storage thread once for all.

import { type ErrorData, fromErrorData, type RuntimeError } from "../errors.ts";

interface Waiting {
  readonly resolve: () => void;
  readonly reject: (error: RuntimeError) => void;
}

/** Asks main with the first write, and again with the next one after a failure. */
export class BulkStart {
  readonly #ask: () => void;
  #waiting: Waiting[] = [];
  #isStarted = false;

  constructor(ask: () => void) {
    this.#ask = ask;
  }

  /** @throws what kept it from starting, e.g. STORE_FULL. */
  async started(): Promise<void> {
    if (this.#isStarted) return;
    await new Promise<void>((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      if (this.#waiting.length === 1) this.#ask();
    });
  }

  /** Main's answer. */
  take(error: ErrorData | undefined): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#isStarted = error === undefined;
    for (const { resolve, reject } of waiting) {
      if (error === undefined) resolve();
      else reject(fromErrorData(error));
    }
  }
}
