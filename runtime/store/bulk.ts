// The `bulk` environment as a thread reads and writes it: rows of knowledge, never in one
// transaction with a turn. Its storage thread is started with the first write of the process.

import { RuntimeError } from "../errors.ts";
import { isFollowUp } from "./connection.ts";
import type { Committed, Level, Reader, Store, StoreOp } from "./store.ts";

/**
 * Reads of what is committed, and commits of rows that belong together. A write that another thread's
 * may still overtake is not read before its commit: what is remembered of a generation of rows, or
 * decided from it, would else rest on one that never was.
 */
export interface Bulk extends Reader {
  /**
   * Resolves when every thread sees the rows and they survive the death of the process, or power
   * loss too (`flushed`), with everything that was committed before. Default "committed".
   * @throws CONDITION_FAILED and nothing is written; STORE_FULL; TURN_TOO_LARGE.
   */
  commit(ops: readonly StoreOp[], level?: Level): Promise<Committed>;
}

/** Times that a batch is sent again because one sent before it was refused. */
const RESENDS_MAX = 100;

/** `start` resolves when the environment has its storage thread; it is called with each commit. */
export function createBulk(store: Store, start: () => Promise<void>): Bulk {
  return {
    get: (key) => store.committed.get(key),
    range: (range) => store.committed.range(range),
    async commit(ops, level) {
      await start();
      for (let resends = 0; ; resends += 1) {
        try {
          const { committed, flushed } = store.commit({ ops });
          const done = await committed;
          if (level === "flushed") await flushed;
          return done;
        } catch (error) {
          store.reset();
          // A batch that was never judged fell with another one's condition, not its own.
          const isInnocent = error instanceof RuntimeError && isFollowUp(error);
          if (!isInnocent || resends >= RESENDS_MAX) throw error;
        }
      }
    },
  };
}
