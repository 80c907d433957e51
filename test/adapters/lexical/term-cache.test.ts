// What a thread keeps of a postings file: bounded, the longest unused goes, and what was removed from
// the collection is not in it.

import { expect, test } from "vitest";
import type { Postings } from "../../../actors/knowledge/bm25.ts";
import { TermCache } from "../../../adapters/lexical/term-cache.ts";

function postingsOf(ordinals: readonly number[]): Postings {
  return {
    size: ordinals.length,
    ordinals: Uint32Array.from(ordinals),
    counts: Uint16Array.from(ordinals, (ordinal) => ordinal + 1),
  };
}

const everything = (): boolean => true;

test("holds no more bytes than it may, and forgets the longest unused first", () => {
  const cache = new TermCache(10_000);
  const large = postingsOf(Array.from({ length: 500 }, (_, at) => at));

  for (const term of ["a", "b", "c"]) cache.put(term, large);
  cache.get("a", everything);
  for (let at = 0; at < 100; at += 1) cache.put(`t${at}`, postingsOf([at]));
  expect(cache.bytes).toBeLessThanOrEqual(10_000);
  expect(cache.get("b", everything)).toBeUndefined();
  expect(cache.get("t99", everything)?.ordinals[0]).toBe(99);

  cache.put("huge", postingsOf(Array.from({ length: 5_000 }, (_, at) => at)));
  expect(cache.get("huge", everything)).toBeUndefined();
  expect(cache.get("t99", everything)).toBeDefined();
  expect(cache.bytes).toBeLessThanOrEqual(10_000);
});

test("what was removed since is not in it, once", () => {
  const cache = new TermCache();
  cache.put("a", postingsOf([1, 2, 3, 4]));
  const gone = new Set([2, 4]);
  let asked = 0;
  const counts = (ordinal: number): boolean => {
    asked += 1;
    return !gone.has(ordinal);
  };

  cache.get("a", counts);
  expect(asked).toBe(0);
  cache.removed();
  const left = cache.get("a", counts);
  cache.get("a", counts);

  expect(left?.size).toBe(2);
  expect([...(left?.ordinals ?? [])].slice(0, 2)).toEqual([1, 3]);
  expect([...(left?.counts ?? [])].slice(0, 2)).toEqual([2, 4]);
  expect(asked).toBe(4);
});
