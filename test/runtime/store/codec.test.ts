// Value bytes: what goes in comes out, and what could not come out is refused.

import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { expect, test } from "vitest";
import { newId } from "../../../runtime/id.ts";
import { decode, decodeCounter, decodeFirst, encode } from "../../../runtime/store/codec.ts";
import { FREQUENT_WORDS, ID_PREFIXES, OTHER_WORDS } from "../../../runtime/store/words.ts";

const text = fc.oneof(
  fc.string({ unit: "grapheme" }),
  fc.string({ unit: "binary", minLength: 100, maxLength: 300 }),
  fc.constantFrom("", "zażółć", "你好".repeat(200), "ü".repeat(300), "\u0000", "#".repeat(70_000)),
);

/** What is written shorter than it is, and what only looks like that. */
const special = fc.oneof(
  fc.constantFrom(...FREQUENT_WORDS, ...OTHER_WORDS),
  fc
    .tuple(fc.constantFrom(...ID_PREFIXES, "zz"), fc.integer({ min: 0, max: 2 ** 48 }))
    .map(([prefix, ms]) => newId(prefix, ms)),
  fc.stringMatching(/^rn_[0-9a-z]{26}$/),
  fc
    .date({ noInvalidDate: true, min: new Date("-009999-01-01"), max: new Date("+012000-01-01") })
    .map((date) => date.toISOString()),
  fc.constantFrom(
    "2026-02-30T00:00:00.000Z",
    "2026-02-03T24:00:00.000Z",
    "2026-02-03T04:00:00.00+Z",
  ),
);

const leaf = fc.oneof(
  text,
  special,
  fc.integer({ min: -2_000_000, max: 2_000_000 }).map((number) => number / 10_000),
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

test("the first item of a list is read without the others, however long it is", () => {
  const lists = fc.oneof(
    fc.array(data, { minLength: 1, maxLength: 5 }),
    fc.array(fc.integer(), { minLength: 60, maxLength: 300 }),
  );
  fc.assert(
    fc.property(lists, (list) => {
      expect(isDeepStrictEqual(decodeFirst(encode(list)), list[0])).toBe(true);
    }),
    { numRuns: 300 },
  );
  for (const value of [{ a: 1 }, "text", null, 7]) {
    expect(() => decodeFirst(encode(value))).toThrow(/no list/);
  }
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

test("a text that a value holds twice is written once, whatever its length", () => {
  for (const text of ["abc", "żółw ".repeat(20), "x".repeat(5_000), newId("rn", 1)]) {
    const value = { first: text, second: [text, { third: text }] };

    expect(decode(encode(value))).toEqual(value);
    expect(encode(value).length).toBeLessThan(encode({ first: text, second: [0, 0] }).length + 10);
  }
  // More texts than are remembered, each of them twice.
  const many = Array.from({ length: 10_000 }, (_, at) => `text ${at % 5_000}`);
  expect(decode(encode(many))).toEqual(many);
});

test("what is cut off, or names what this version does not know, is refused", () => {
  const row = encode({
    list: [1, "one", 300, { two: new Uint8Array(3) }],
    at: 1.5,
    text: "ü".repeat(99),
  });
  for (let length = 2; length < row.length; length += 1) {
    expect(() => decode(row.slice(0, length))).toThrow(
      expect.objectContaining({ code: "FOREIGN_DATA" }),
    );
  }
  const unknown = [
    [0xff],
    [0xe8, 0xff],
    [0x85],
    [0xe9, 9],
    [0xed, 0xff, 0xff, 0xff, 0x7f],
    [0xc1, 1],
  ];
  for (const bytes of unknown) {
    expect(() => decode(new Uint8Array([...row.slice(0, 2), ...bytes]))).toThrow(
      expect.objectContaining({ code: "FOREIGN_DATA" }),
    );
  }
});

test("words fit the bytes that name them, and no id's prefix is there twice", () => {
  expect(FREQUENT_WORDS.length).toBeLessThanOrEqual(64);
  expect(OTHER_WORDS.length).toBeLessThanOrEqual(256);
  expect(new Set([...FREQUENT_WORDS, ...OTHER_WORDS]).size).toBe(
    FREQUENT_WORDS.length + OTHER_WORDS.length,
  );
  expect(ID_PREFIXES.every((prefix) => /^[a-z]{2}$/.test(prefix))).toBe(true);
  expect(new Set(ID_PREFIXES).size).toBe(ID_PREFIXES.length);
});

test("bytes of another format or key are refused", () => {
  const row = encode(1);
  for (const foreign of [
    new Uint8Array(0),
    new Uint8Array([...row].with(0, 0x81)),
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
