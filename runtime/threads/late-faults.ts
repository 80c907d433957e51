// Who is to blame when a thread dies by what code did after its turn or after a wait of its own: a
// promise that was left alone and rejected, a timer that threw or ended the thread. Node can carry a
// name along with every promise and timer that is made; that costs each of them time, so it is done for
// a while only, after a thread has died and nobody could be named. What kills threads again and again
// is named by then.

import { AsyncLocalStorage } from "node:async_hooks";
import type { Handled, Slot } from "./slot.ts";

/** By what code a thread ends at once. */
const ENDS = ["uncaughtExceptionMonitor", "exit"] as const;

/** What a thread handles, kept where main reads it; while it watches, with what came of it later. */
export class LateFaults {
  readonly #slot: Slot;
  readonly #carried = new AsyncLocalStorage<Handled>();
  #isWatching = false;
  #end: NodeJS.Timeout | undefined;

  constructor(slot: Slot) {
    this.#slot = slot;
  }

  /** As `KernelOptions.handling`. */
  handle(unit: string, door: number): void {
    this.#slot.handle(unit, door);
    if (this.#isWatching) this.#carried.enterWith({ unit, door });
  }

  /** Watches from now on, for so many ms. */
  watch(ms: number): void {
    if (!this.#isWatching) for (const end of ENDS) process.on(end, this.#name);
    this.#isWatching = true;
    clearTimeout(this.#end);
    this.#end = setTimeout(() => {
      this.#isWatching = false;
      for (const end of ENDS) process.off(end, this.#name);
      this.#carried.disable();
    }, ms);
    this.#end.unref();
  }

  /** The thread ends, by an error that nobody catches or by code: the last that main reads. */
  readonly #name = (): void => {
    const from = this.#carried.getStore();
    if (from !== undefined) this.#slot.handle(from.unit, from.door);
  };
}
