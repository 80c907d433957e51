// When a transaction is visible, which is before it is flushed. lmdb-js settles the promise of a
// transaction with that of its flush (seen with 3.5.6: the mark it waits for is set behind the sync),
// but its native half calls back before the sync begins. That call is listened to here; should a later
// version not make it, `committed` comes with the flush, as late and as true as without it.

import type { RootDatabase } from "./lmdb-library.ts";

/** The native half, as lmdb-js calls it. `done` is called when visible and when all is over. */
interface NativeEnvironment {
  readonly startWriting?: (address: number, done: (status: number) => unknown) => unknown;
}

const VISIBLE = 1;

/** Listens to the transactions of one database that are written asynchronously, one after another. */
export class Visibility {
  #isAwaited: (() => void) | undefined;

  constructor(database: RootDatabase<Uint8Array, string>) {
    const { env } = database as unknown as { readonly env?: NativeEnvironment };
    const start = env?.startWriting;
    if (env === undefined || start === undefined) return;
    const listening: typeof start = (address, done) => {
      const isVisible = this.#isAwaited;
      this.#isAwaited = undefined;
      return start.call(env, address, (status) => {
        const result = done(status);
        if (status === VISIBLE) isVisible?.();
        return result;
      });
    };
    Object.defineProperty(env, "startWriting", { value: listening });
  }

  /**
   * Resolves when what is written next is visible: readers see it, and it survives the death of the
   * process. Never resolves when that fails; may not when the flush was faster: race it.
   */
  next(): Promise<void> {
    return new Promise((resolve) => {
      this.#isAwaited = resolve;
    });
  }
}
