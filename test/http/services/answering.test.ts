// How an answer's reader leaves: gone away, or let go because the run waits for people.

import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { follow } from "../../../adapters/http/services/answering.ts";
import {
  createSubscribers,
  DISCONNECT_GRACE_MS,
} from "../../../adapters/http/services/subscribers.ts";
import type { Frame } from "../../../runtime/frame.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const accepted: Frame = { type: "accepted", reply: { run: "rn_1" }, run: "rn_1" };

/** An answer that is never complete, of a run that is cancelled when its viewers go. */
async function endless() {
  const cancelled: string[] = [];
  const subscribers = createSubscribers(async (_, run) => void cancelled.push(run));
  let end: ((batch: IteratorResult<readonly Frame[]>) => void) | undefined;
  const done = { done: true, value: undefined } as const;
  const batches = [[accepted]];
  const iterator: AsyncIterator<readonly Frame[]> = {
    next: () => {
      const value = batches.shift();
      if (value !== undefined) return Promise.resolve({ done: false, value });
      return new Promise((resolve) => {
        end = resolve;
      });
    },
    return: () => {
      end?.(done);
      return Promise.resolve(done);
    },
  };
  const frames = { [Symbol.asyncIterator]: () => iterator };
  const answering = await follow(frames, { tenant: "tn_1", cancelOnLeave: true, subscribers });
  const reader = answering.frames[Symbol.asyncIterator]();
  const read = reader.next();
  return { answering, read, cancelled, goAway: () => iterator.return?.() };
}

test("a run that is let go is not cancelled, although it is one that goes with its viewers", async () => {
  const { answering, read, cancelled } = await endless();

  answering.letGo();

  expect((await read).done).toBe(true);
  await vi.advanceTimersByTimeAsync(DISCONNECT_GRACE_MS);
  expect(cancelled).toEqual([]);
});

test("a reader that goes away takes such a run along", async () => {
  const { read, cancelled, goAway } = await endless();

  void goAway();

  expect((await read).done).toBe(true);
  await vi.advanceTimersByTimeAsync(DISCONNECT_GRACE_MS);
  expect(cancelled).toEqual(["rn_1"]);
});
