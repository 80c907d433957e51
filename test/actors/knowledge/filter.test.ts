// Filters over documents: what each operator means, that whole filters mean what their parts do, and
// what is refused where.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compileFilter, type FilteredDocument } from "../../../actors/knowledge/filter.ts";
import { filterLimits } from "../../../actors/records/filter.ts";

type Fields = Readonly<Record<string, unknown>>;

const documentWith = (metadata: Fields): FilteredDocument => ({
  ...{ id: "d1", title: "One", metadata },
  created_at: "2026-01-02T03:04:05.000Z",
  updated_at: "2026-02-03T04:05:06.000Z",
});

const matches = (filter: unknown, metadata: Fields = {}): boolean =>
  compileFilter(filter)(documentWith(metadata));

const NAMES = ["a", "b", "a.b", "a.c", "toString"] as const;
const scalar = fc.constantFrom<string | number | boolean>(
  ...["", "x", "y", "10", "9", "2026-01-31", "2026-01-31T00:00:00Z", "2026-02-01T01:00:00+02:00"],
  ...["2026-13-01", 0, -0, 1, 1.5, 10, 9, true, false],
);
const ranged = scalar.filter((value) => typeof value !== "boolean");
const condition = fc.oneof(
  scalar,
  fc.record(
    {
      ...{ eq: scalar, ne: scalar, gt: ranged, gte: ranged, lt: ranged, lte: ranged },
      in: fc.array(scalar, { minLength: 1, maxLength: 3 }),
      nin: fc.array(scalar, { minLength: 1, maxLength: 3 }),
      exists: fc.boolean(),
    },
    { requiredKeys: ["eq"] },
  ),
  ...(["ne", "gt", "gte", "lt", "lte"] as const).map((name) =>
    ranged.map((value) => ({ [name]: value })),
  ),
  ...(["in", "nin"] as const).map((name) =>
    fc.array(scalar, { minLength: 1, maxLength: 3 }).map((value) => ({ [name]: value })),
  ),
  fc.boolean().map((exists) => ({ exists })),
);
const field = fc.tuple(fc.constantFrom(...NAMES), condition).map(([name, is]) => ({ [name]: is }));
const { filter } = fc.letrec<{ filter: Fields }>((tie) => ({
  filter: fc.oneof(
    { maxDepth: 2 },
    field,
    fc.tuple(field, field).map(([one, other]) => ({ ...one, ...other })),
    fc.array(tie("filter"), { minLength: 1, maxLength: 3 }).map((and) => ({ and })),
    fc.array(tie("filter"), { minLength: 1, maxLength: 3 }).map((or) => ({ or })),
    tie("filter").map((not) => ({ not })),
  ),
}));
const value = fc.oneof(
  ...[scalar, fc.array(scalar, { maxLength: 3 }), fc.constant(null), fc.constant({})],
  fc.record({ b: scalar, c: fc.array(scalar, { maxLength: 2 }) }, { requiredKeys: [] }),
  fc.array(fc.record({ b: scalar }), { maxLength: 2 }),
);
const metadata = fc.dictionary(fc.constantFrom("a", "b", "a.b"), value);

/** Says the same slowly: with the sets of values, and words of the promise. */
function naive(filter: Fields, metadata: Fields): boolean {
  return Object.entries(filter).every(([name, is]) => {
    if (name === "and") return (is as Fields[]).every((one) => naive(one, metadata));
    if (name === "or") return (is as Fields[]).some((one) => naive(one, metadata));
    if (name === "not") return !naive(is as Fields, metadata);
    const values = valuesAt(metadata, name).flat(9);
    const said = typeof is === "object" ? (is as Fields) : { eq: is };
    return Object.entries(said).every(([operator, operand]) => holds(operator, operand, values));
  });
}

function valuesAt(metadata: Fields, name: string): unknown[] {
  if (Object.keys(metadata).includes(name)) return [metadata[name]];
  const [first = "", second] = name.split(".");
  if (second === undefined || !Object.keys(metadata).includes(first)) return [];
  return [metadata[first]]
    .flat()
    .filter((inner) => inner !== null && typeof inner === "object")
    .filter((inner) => Object.keys(inner as Fields).includes(second))
    .map((inner) => (inner as Fields)[second]);
}

function holds(operator: string, operand: unknown, values: unknown[]): boolean {
  const pairs = [operand].flat().flatMap((one) => values.map((given) => pairOf(given, one)));
  const alike = pairs.filter((pair) => pair !== undefined);
  if (operator === "exists") return values.some((one) => one !== null) === operand;
  const equal = alike.filter(([given, one]) => given === one);
  if (operator === "eq" || operator === "in") return equal.length > 0;
  if (operator === "ne" || operator === "nin") return alike.length > 0 && equal.length === 0;
  return alike.some(([given, one]) =>
    operator === "gt"
      ? given > one
      : operator === "gte"
        ? given >= one
        : operator === "lt"
          ? given < one
          : given <= one,
  );
}

function pairOf(given: unknown, one: unknown): [number | string, number | string] | undefined {
  if (typeof given !== typeof one || given === null || typeof given === "object") return undefined;
  if (typeof one !== "string") return [Number(given), Number(one)];
  if (!/^\d{4}-\d\d-\d\d/.test(one) || Number.isNaN(Date.parse(one))) return [String(given), one];
  const time = Date.parse(String(given));
  if (!/^\d{4}-\d\d-\d\d/.test(String(given)) || Number.isNaN(time)) return undefined;
  return [time, Date.parse(one)];
}

test("any filter over any metadata says what its parts mean", () => {
  fc.assert(
    fc.property(filter, metadata, (filter, metadata) => {
      expect(matches(filter, metadata)).toBe(naive(filter, metadata));
    }),
    { numRuns: 5_000, seed: 4 },
  );
});

describe("a filter", () => {
  test("compares numbers as numbers, dates as times, and other strings by code units", () => {
    expect(matches({ n: { gt: 9 } }, { n: 10 })).toBe(true);
    expect(matches({ n: { gt: "9" } }, { n: "10" })).toBe(false);
    expect(matches({ n: { gt: 9 } }, { n: "10" })).toBe(false);
    expect(matches({ n: { lt: "a" } }, { n: "B" })).toBe(true);
    const evening = { at: "2026-01-31T23:30:00+01:00" };
    expect(matches({ at: { lt: "2026-01-31T23:00:00Z" } }, evening)).toBe(true);
    expect(matches({ at: "2026-01-31T22:30Z" }, evening)).toBe(true);
    expect(matches({ at: "2026-01-31T22:30" }, evening)).toBe(true);
    expect(matches({ at: { gt: "2026-01-01" } }, { at: "soon" })).toBe(false);
  });

  test("matches an array by one of its elements, also of objects on the way", () => {
    expect(matches({ tags: "b" }, { tags: ["a", "b"] })).toBe(true);
    expect(matches({ tags: { ne: "b" } }, { tags: ["a", "b"] })).toBe(false);
    expect(matches({ tags: { ne: "c" } }, { tags: ["a", "b"] })).toBe(true);
    expect(matches({ "by.name": "Ann" }, { by: [{ name: "Bob" }, { name: "Ann" }] })).toBe(true);
    expect(matches({ "by.name": "Ann" }, { "by.name": "Bob", by: { name: "Ann" } })).toBe(false);
  });

  test("does not match what is not there, but by exists and not", () => {
    for (const is of ["x", { ne: "x" }, { nin: ["x"] }, { lt: 1 }, { exists: true }]) {
      expect(matches({ gone: is })).toBe(false);
      expect(matches({ gone: is }, { gone: null })).toBe(false);
      expect(matches({ not: { gone: is } })).toBe(true);
    }
    expect(matches({ gone: { exists: false } })).toBe(true);
    for (const name of ["constructor", "__proto__", "a.constructor.name", "toString"]) {
      expect(matches(JSON.parse(`{"${name}": {"exists": true}}`), { a: {} })).toBe(false);
    }
  });

  test("knows a document's own fields, whatever its metadata says", () => {
    const fields = { document_id: "d1", title: "One", created_at: "2026-01-02T03:04:05Z" };
    expect(matches({ ...fields, updated_at: { gte: "2026-02-03" } }, { title: "Two" })).toBe(true);
    expect(matches({ title: "Two" }, { title: "Two" })).toBe(false);
  });

  test.each<[unknown, string]>([
    [[], "/filter"],
    [{ a: null }, "/filter/a"],
    [{ a: [1] }, "/filter/a"],
    [{ a: {} }, "/filter/a"],
    [{ a: { like: "x" } }, "/filter/a/like"],
    [{ a: { gt: true } }, "/filter/a/gt"],
    [{ a: { eq: { b: 1 } } }, "/filter/a/eq"],
    [{ a: { in: [] } }, "/filter/a/in"],
    [{ a: { in: ["x", null] } }, "/filter/a/in/1"],
    [{ a: { nin: Array(filterLimits.items + 1).fill(1) } }, "/filter/a/nin"],
    [{ a: { exists: "yes" } }, "/filter/a/exists"],
    [{ a: "x".repeat(filterLimits.valueChars + 1) }, "/filter/a"],
    [{ "a~/b": null }, "/filter/a~0~1b"],
    [{ "a..b": 1 }, "/filter/a..b"],
    [{ "a.a.a.a.a.a.a.a.a": 1 }, "/filter/a.a.a.a.a.a.a.a.a"],
    [{ or: [] }, "/filter/or"],
    [{ and: { a: 1 } }, "/filter/and"],
    [{ or: [{ a: 1 }, { not: 5 }] }, "/filter/or/1/not"],
    [nested(filterLimits.depth + 1), `/filter${"/not".repeat(filterLimits.depth + 1)}`],
    [{ or: Array(filterLimits.clauses).fill({}) }, `/filter/or/${filterLimits.clauses - 1}`],
  ])("that is none is refused where it is wrong: %j", (filter, pointer) => {
    expect(() => compileFilter(filter)).toThrow(
      expect.objectContaining({ code: "INVALID", details: { pointer } }),
    );
  });

  test("may be as large as its limits", () => {
    expect(matches(nested(filterLimits.depth), { a: 1 })).toBe(filterLimits.depth % 2 === 0);
    expect(matches({ or: Array(filterLimits.clauses - 1).fill({}) })).toBe(true);
    expect(matches({ a: { in: Array(filterLimits.items).fill(1) } }, { a: 1 })).toBe(true);
    expect(matches({ "a.a.a.a.a.a.a.a": 1 })).toBe(false);
    expect(matches({})).toBe(true);
  });
});

function nested(depth: number): Fields {
  return depth === 0 ? { a: 1 } : { not: nested(depth - 1) };
}
