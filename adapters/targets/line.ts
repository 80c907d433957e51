// Who may work on a target now: so many at once, and so many that wait, in the order in which they came.

import { RuntimeError } from "../../runtime/errors.ts";

/** The line of one target. */
export class Line {
  readonly #waitingMax: number;
  readonly #waiting: (() => void)[] = [];
  #busy = 0;

  constructor(waitingMax: number) {
    this.#waitingMax = waitingMax;
  }

  isIdle(): boolean {
    return this.#busy === 0 && this.#waiting.length === 0;
  }

  /** Waits for a place. @returns what gives it back. @throws POOL_FULL, CANCELLED. */
  async enter(most: number, signal: AbortSignal): Promise<() => void> {
    if (signal.aborted) throw cancelled();
    if (this.#busy >= most) {
      if (this.#waiting.length >= this.#waitingMax) {
        const message = `${this.#waitingMax} others wait for this target already.`;
        throw new RuntimeError("POOL_FULL", message);
      }
      await this.#place(signal);
    } else {
      this.#busy += 1;
    }
    let isLeft = false;
    return () => {
      if (isLeft) return;
      isLeft = true;
      const next = this.#waiting.shift();
      // A place that is handed on stays taken.
      if (next === undefined) this.#busy -= 1;
      else next();
    };
  }

  #place(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const come = (): void => {
        signal.removeEventListener("abort", leave);
        resolve();
      };
      const leave = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(come), 1);
        reject(cancelled());
      };
      this.#waiting.push(come);
      signal.addEventListener("abort", leave, { once: true });
    });
  }
}

const cancelled = (): RuntimeError => new RuntimeError("CANCELLED", "The call was cancelled.");
