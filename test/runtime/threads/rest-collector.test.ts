// When a thread's heap is collected at rest: after load, as long as it is worth it, and never so that the
// collections themselves are a load.

import { beforeEach, expect, test } from "vitest";
import { RestCollector } from "../../../runtime/threads/rest-collector.ts";

const MIB = 1024 * 1024;
const LOOK_MS = 20_000;

let busy: number;
/** What lives, and what is garbage, in MiB. */
let live: number;
let garbage: number;
let tookMs: number;
let nowMs: number;
let collected: number;
let collector: RestCollector;

beforeEach(() => {
  [busy, live, garbage, tookMs, nowMs, collected] = [0, 30, 0, 30, 0, 0];
  collector = new RestCollector({
    busy: () => busy,
    heapBytes: () => (live + garbage) * MIB,
    collect: () => {
      collected += 1;
      garbage = 0;
      nowMs += tookMs;
    },
    nowMs: () => nowMs,
  });
});

/** @returns how often it was collected. */
function looks(count: number): number {
  const before = collected;
  for (let at = 0; at < count; at += 1) {
    nowMs += LOOK_MS;
    collector.look();
  }
  return collected - before;
}

test("a thread is not collected while it works, and is when it has come to rest", () => {
  garbage = 400;
  busy = 0.3;
  expect(looks(10)).toBe(0);

  busy = 0.01;
  expect(looks(1)).toBe(1);
});

test("it is collected again as long as that gives much back, and then rests", () => {
  garbage = 400;
  looks(1);
  [live, garbage] = [10, 20];
  expect(looks(1)).toBe(1);
  expect(looks(1)).toBe(1);
  expect(looks(100)).toBe(0);
});

test("little work at a time is collected when it has left much", () => {
  looks(2);
  garbage = 63;
  expect(looks(10)).toBe(0);
  garbage = 64;
  expect(looks(10)).toBe(2);
});

test("collections that take long are far apart", () => {
  looks(2);
  [live, tookMs] = [2_000, 2_000];
  let count = 0;
  for (let at = 0; at < 100; at += 1) {
    garbage = 500;
    count += looks(1);
  }
  expect(count).toBeLessThanOrEqual(11);
  expect(count).toBeGreaterThanOrEqual(8);
});
