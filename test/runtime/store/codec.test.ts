// Value bytes: what goes in comes out, and what could not come out is refused.

import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { expect, test } from "vitest";
import { decode, decodeCounter, encode } from "../../../runtime/store/codec.ts";

const text = fc.oneof(
  fc.string({ unit: "grapheme" }),
  fc.string({ unit: "binary", minLength: 100, maxLength: 300 }),
  fc.constantFrom("", "zażółć", "你好".repeat(200), "ü".repeat(300), "\u0000", "#".repeat(70_000)),
);

const leaf = fc.oneof(
  text,
  fc.integer(),
  fc.maxSafeInteger(),
  // Minus zero comes back as zero, as from JSON.
  fc.double().map((number) => number + 0),
  fc.boolean(),
  fc.constantFrom(null, undefined),
  fc.uint8Array(),
);

const { value: data } = fc.letrec((tie) => ({
  value: fc.oneof({ maxDepth: 6 }, leaf, tie("list"), tie("record")),
  list: fc.array(tie("value"), { maxLength: 20 }),
  record: fc.dictionary(
    fc.oneof(fc.string(), fc.constantFrom("constructor", "toString", "")).filter(isPlainKey),
    tie("value"),
    { maxKeys: 20, noNullPrototype: true },
  ),
}));

function isPlainKey(key: string): boolean {
  return key !== "__proto__";
}

test("any plain data comes back as it was", () => {
  fc.assert(
    fc.property(data, (value) => {
      // Not vitest's equality: it takes a key "constructor" for the type of the object.
      expect(isDeepStrictEqual(decode(encode(value)), value)).toBe(true);
    }),
    { numRuns: 500 },
  );
});

test("bytes come back as bytes, alone and inside, and do not share memory with the row", () => {
  const row = encode({ buffer: Buffer.from([1, 2, 3]), bytes: new Uint8Array(300).fill(9) });
  const { buffer, bytes } = decode(row) as { buffer: Uint8Array; bytes: Uint8Array };
  row.fill(0);

  expect([...buffer]).toEqual([1, 2, 3]);
  expect(bytes.every((byte) => byte === 9)).toBe(true);
});

test("dates and long texts inside lists and objects come back", () => {
  const long = "żółw 你好 ".repeat(100);
  const value = {
    at: new Date(1_790_000_000_000),
    list: [1, long, [long]],
    object: { text: long, other: 1, deeper: { text: long } },
  };

  expect(decode(encode(value))).toStrictEqual(value);
});

test("encoding changes nothing in what it is given", () => {
  const long = "你好".repeat(100);
  const value = { list: Object.freeze([long]), inner: Object.freeze({ text: long }) };

  encode(Object.freeze(value));

  expect(value).toEqual({ list: [long], inner: { text: long } });
});

test("what could not come back is refused and says why", () => {
  const cases = [
    [1n, "bigint"],
    [{ deep: [{ value: 2n ** 70n }] }, "bigint"],
    [() => 1, "function"],
    [{ symbol: Symbol("s") }, "symbol"],
    [new Map([["a", 1]]), "Map"],
    [{ set: new Set([1]) }, "Set"],
    [new Float64Array(2), "Float64Array"],
    [JSON.parse(`{"a":{"__proto__":1}}`), "__proto__"],
  ] as const;
  for (const [value, word] of cases) {
    expect(() => encode(value)).toThrow(word);
    expect(() => encode(value)).toThrow(expect.objectContaining({ code: "INVALID" }));
  }
});

test("data of 100 levels is stored and of 101 refused, circles included", () => {
  const nest = (levels: number): unknown => (levels === 0 ? 1 : [nest(levels - 1)]);
  const circle: { self?: unknown } = {};
  circle.self = circle;

  expect(decode(encode(nest(100)))).toEqual(nest(100));
  for (const value of [nest(101), circle]) {
    expect(() => encode(value)).toThrow(expect.objectContaining({ code: "TOO_DEEP" }));
  }
});

test("bytes of another format or key are refused", () => {
  const row = encode(1);
  for (const foreign of [
    new Uint8Array(0),
    new Uint8Array([...row].with(0, 0x82)),
    new Uint8Array([...row].with(1, 7)),
  ]) {
    expect(() => decode(foreign)).toThrow(expect.objectContaining({ code: "FOREIGN_DATA" }));
  }
});

test("an absent counter is 0, and a row that holds no number is refused", () => {
  expect([decodeCounter(undefined), decodeCounter(encode(-7))]).toEqual([0, -7]);
  expect(() => decodeCounter(encode("7"))).toThrow(
    expect.objectContaining({ code: "FOREIGN_DATA" }),
  );
});
