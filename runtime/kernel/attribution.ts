// Which run's code is on the thread, so that main can name it when the thread dies or spins: while
// its function or a step is being called, and when it goes on after a wait of the runtime. What a
// step does after a wait of its own (a socket, a timer) cannot be told apart and names nobody.

import type { Address } from "../address.ts";
import type { KernelOptions } from "./kernel-port.ts";

/** The attribution of one kernel. */
export class Attribution {
  readonly #options: KernelOptions;
  /** The run that went on last in this pass of the event loop. */
  #going: Address = "";
  #isScheduled = false;

  constructor(options: KernelOptions) {
    this.#options = options;
  }

  /** Calls code of a run; its part until the first wait is attributed. */
  call<T>(run: Address, call: () => T): T {
    const { handling } = this.#options;
    if (handling === undefined) return call();
    handling(run, 0);
    try {
      return call();
    } finally {
      handling(this.#going, 0);
    }
  }

  /** A wait of the run is over. Said last: what has waited goes on in the microtask after this one. */
  goesOn(run: Address): void {
    const { handling, defer } = this.#options;
    if (handling === undefined) return;
    queueMicrotask(() => {
      this.#going = run;
      handling(run, 0);
    });
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    defer(() => {
      this.#isScheduled = false;
      this.#going = "";
      handling("", 0);
    });
  }
}
