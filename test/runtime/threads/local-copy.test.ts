// A copy within one thread is what structured clone would give, for less where the data is plain.

import { expect, test } from "vitest";
import { copied } from "../../../runtime/threads/local-copy.ts";

class Point {
  readonly x = 1;
}

const circle: { self?: unknown } = {};
circle.self = circle;
const ofNobody: Record<string, unknown> = Object.create(null);
ofNobody["a"] = [undefined, null, 0n];
const holed = [1, 0, { b: 2 }];
delete holed[1];
let deep: unknown = "end";
for (let at = 0; at < 200; at += 1) deep = { deep };

test.each<[string, unknown]>([
  ["undefined fields", { a: undefined, b: { c: undefined } }],
  ["lists with holes", { list: holed }],
  ["undefined in lists", [undefined, 1, undefined]],
  ["objects without a prototype", ofNobody],
  ["a field named __proto__", JSON.parse('{ "__proto__": { "a": 1 }, "b": 2 }')],
  ["numbers as names", { 2: "b", 1: "a", "01": "c" }],
  ["buffers", { bytes: Buffer.from("abc"), floats: new Float32Array([1.5]) }],
  ["maps, sets and dates", { m: new Map([["a", { b: 1 }]]), s: new Set([1]), d: new Date(5) }],
  ["errors", new TypeError("bad")],
  ["objects of a class", [new Point()]],
  ["circles", circle],
  ["deep data", deep],
  ["nothing", undefined],
])("%s are copied as structured clone does", (_, value) => {
  const copy = copied(value);

  expect(copy).toStrictEqual(structuredClone(value));
  expect(typeof value !== "object" || copy !== value).toBe(true);
});

test.each([
  ["a function", { call: () => 1 }],
  ["a symbol", [Symbol("a")]],
  ["a promise", { p: Promise.resolve() }],
  ["a weak map", new WeakMap()],
])("%s cannot be copied", (_, value) => {
  expect(() => copied(value)).toThrow(expect.objectContaining({ name: "DataCloneError" }));
});

test("a value that is reached on very many ways is copied once, not for each of them", () => {
  let wide: unknown = { end: 1 };
  for (let at = 0; at < 60; at += 1) wide = [wide, wide];

  const copy = copied(wide) as unknown[];

  expect(copy[0]).toBe(copy[1]);
});

test("bytes are copied, not shared", () => {
  const bytes = Uint8Array.of(1, 2);

  const copy = copied({ bytes });
  bytes[0] = 9;

  expect(copy.bytes).toEqual(Uint8Array.of(1, 2));
});
