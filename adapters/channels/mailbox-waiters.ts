// Who waits for the next entry of a conversation. In memory: who is gone calls again.

import { RuntimeError } from "../../runtime/errors.ts";
import { mailboxLimits } from "./mailbox.ts";

/** One that waits. */
export interface Waiting {
  /** Resolves when it was woken or its signal ended; never rejects. */
  readonly woken: Promise<void>;
  /** Has to be called in the end. */
  leave(): void;
}

/** All that wait, by conversation. */
export class Waiters {
  readonly #byPlace = new Map<string, Set<() => void>>();
  #count = 0;

  /** @throws POOL_FULL when as many wait as may, for the place or in all. */
  wait(place: string, signal: AbortSignal): Waiting {
    const here = this.#byPlace.get(place) ?? new Set();
    const { conversationWaiters, waiters } = mailboxLimits;
    if (here.size >= conversationWaiters || this.#count >= waiters) {
      const message = `As many calls wait for messages as may: ${conversationWaiters} of a conversation, ${waiters} in all.`;
      throw new RuntimeError("POOL_FULL", message, { conversationWaiters, waiters });
    }
    let resolve = () => {};
    const woken = new Promise<void>((done) => {
      resolve = done;
    });
    here.add(resolve);
    this.#byPlace.set(place, here);
    this.#count += 1;
    if (signal.aborted) resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
    return {
      woken,
      leave: () => {
        if (!here.delete(resolve)) return;
        this.#count -= 1;
        if (here.size === 0) this.#byPlace.delete(place);
      },
    };
  }

  /** Lets everybody go who waits for a place. */
  wake(place: string): void {
    for (const resolve of this.#byPlace.get(place) ?? []) resolve();
  }
}
