// One change at a time for each key, first come first served: two updates of one agent that arrive
// together are both applied instead of one being refused. The stored revision stays the judge.

import { RuntimeError } from "../runtime/errors.ts";

/** Changes of one key that may wait; one more is refused. */
const WAITING_MAX = 256;

/** Runs changes of the same key one after the other. */
export interface Serial {
  /** @throws POOL_FULL when too many wait, or what `change` throws. */
  run<T>(key: string, change: () => Promise<T>): Promise<T>;
}

/** A new queue of queues; it holds nothing for keys that are idle. */
export function createSerial(): Serial {
  const queues = new Map<string, { tail: Promise<unknown>; waiting: number }>();
  return {
    run: async (key, change) => {
      const queue = queues.get(key) ?? { tail: Promise.resolve(), waiting: 0 };
      if (queue.waiting >= WAITING_MAX) {
        throw new RuntimeError(
          "POOL_FULL",
          `${WAITING_MAX} changes of ${key.slice(key.indexOf("/") + 1)} are waiting already.`,
        );
      }
      queues.set(key, queue);
      queue.waiting += 1;
      // The tail never rejects: a failed change is its caller's and not the next one's.
      const turn = queue.tail.then(change);
      queue.tail = turn.catch(() => undefined);
      try {
        return await turn;
      } finally {
        queue.waiting -= 1;
        if (queue.waiting === 0) queues.delete(key);
      }
    },
  };
}
