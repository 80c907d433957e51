// Changes of files that are waited for to be over: what is one change, what are two, and what is not told yet.

import { expect, test } from "vitest";
import type { FileMark } from "../../../actors/triggers/files.ts";
import { type Difference, Pending } from "../../../adapters/triggers/watch/pending.ts";

const mark = (ino: number, more: Partial<FileMark> = {}): FileMark => ({
  ...{ ino: `${ino}`, size: "1", mtime: "10", born: "5", ...more },
});
const gone = (from: FileMark): Difference => ({ from, to: null });
const came = (to: FileMark): Difference => ({ from: null, to });
const all = (differing: Record<string, Difference>) => ({
  ...{ differing: new Map(Object.entries(differing)), covers: () => true },
});
const told = (pending: Pending, nowMs: number) =>
  pending
    .settled(nowMs, 2_000)
    .map(({ path, was }) => (was === undefined ? path : `${was} > ${path}`));

test("a file with another name is one change, also where it was written to on the way", () => {
  const pending = new Pending();
  pending.see(all({ a: gone(mark(1)), b: came(mark(1, { size: "2", mtime: "11" })) }), 0);
  expect(told(pending, 2_000)).toEqual(["a > b"]);
});

test("a new file with the number of one that is gone is another one", () => {
  const pending = new Pending();
  pending.see(all({ a: gone(mark(1)), b: came(mark(1, { born: "6", mtime: "11" })) }), 0);
  expect(told(pending, 2_000)).toEqual(["a", "b"]);
});

test("where nobody knows when files were made, time and size say whether it is the same one", () => {
  const pending = new Pending();
  const unknown = (ino: number, mtime: string) => mark(ino, { born: "0", mtime });
  pending.see(
    all({
      ...{ a: gone(unknown(1, "10")), b: came(unknown(1, "10")) },
      ...{ c: gone(unknown(2, "10")), d: came(unknown(2, "11")) },
    }),
    0,
  );
  expect(told(pending, 2_000)).toEqual(["a > b", "c", "d"]);
});

test("half of a move is not told before the other half has rested", () => {
  const pending = new Pending();
  const moved = { b: came(mark(1)) };
  pending.see(all(moved), 0);
  pending.see(all({ ...moved, a: gone(mark(1)) }), 1_500);
  expect(told(pending, 2_500)).toEqual([]);
  expect(told(pending, 3_500)).toEqual(["a > b"]);
});

test("what was touched and not seen since is not told", () => {
  const pending = new Pending();
  pending.see(all({ a: came(mark(1)) }), 0);
  expect(pending.touch("a", 1_900)).toBe(true);
  expect(pending.ripe(2_100, 2_000)).toEqual([]);
  expect(pending.nextMs(2_000)).toBe(3_900);
  pending.see({ differing: new Map(), covers: (path) => path === "b" }, 4_000);
  expect(told(pending, 4_000)).toEqual([]);
  pending.see(all({ a: came(mark(1, { size: "7" })) }), 4_100);
  expect(told(pending, 4_100)).toEqual(["a"]);
});
