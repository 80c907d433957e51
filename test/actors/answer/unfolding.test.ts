// Schemas of users that are small and become large: refused before anything is checked with them, with the place.

import { beforeAll, describe, expect, test } from "vitest";
import { checkValue, compileSchema, loadSchemas } from "../../../actors/answer/output-schema.ts";

beforeAll(loadSchemas);

const faultOf = (schema: object): { code?: string; message?: string; pointer?: unknown } => {
  try {
    compileSchema(schema as Readonly<Record<string, unknown>>, "/output_schema");
    return {};
  } catch (error) {
    const { code, message, details } = error as { code: string; message: string; details: object };
    return { code, message, ...details };
  }
};

/** Each level names the next one twice. */
function doubling(levels: number, of: (next: object) => object): object {
  const definitions = Object.fromEntries(
    Array.from({ length: levels }, (_, at) => [`s${at}`, of({ $ref: `#/$defs/s${at + 1}` })]),
  );
  return { $ref: "#/$defs/s0", $defs: { ...definitions, [`s${levels}`]: { type: "string" } } };
}

describe("a schema is refused", () => {
  test.each([
    ["properties", doubling(30, (next) => ({ properties: { a: next, b: next } }))],
    ["allOf", doubling(30, (next) => ({ allOf: [next, next] }))],
    ["anyOf", doubling(30, (next) => ({ anyOf: [next, next] }))],
    ["items", doubling(30, (next) => ({ items: next, contains: next }))],
  ])("that doubles with each level by %s", (_by, schema) => {
    expect(faultOf(schema)).toMatchObject({
      code: "SCHEMA_INVALID",
      message: "With its references followed it has more than 5000 parts.",
      pointer: expect.stringContaining("/output_schema/$defs/s"),
    });
  });

  test.each([
    ["itself", { $ref: "#" }],
    [
      "itself by another",
      { $ref: "#/$defs/a", $defs: { a: { $ref: "#/$defs/b" }, b: { $ref: "#/$defs/a" } } },
    ],
    ["itself within a choice", { anyOf: [{ type: "string" }, { not: { $ref: "#" } }] }],
    ["an anchor above it", { $anchor: "top", allOf: [{ $ref: "#top" }] }],
    ["its own base", { properties: { a: { $id: "https://a.example/", allOf: [{ $ref: "#" }] } } }],
  ])("that names %s at the same place", (_what, schema) => {
    expect(faultOf(schema)).toMatchObject({
      code: "SCHEMA_INVALID",
      message: expect.stringContaining("leads back to itself"),
      pointer: expect.stringMatching(/^\/output_schema\/.*\$ref$/),
    });
  });
});

/** With this as `node`. */
const named = (node: object): Readonly<Record<string, unknown>> => ({
  ...{ $ref: "#/$defs/node", $defs: { node } },
});
const again = { $ref: "#/$defs/node" };

test("what leads back from another place is taken, and values of any depth are checked", () => {
  const properties = { left: again, right: again };
  const tree = named({ type: "object", properties, additionalProperties: false });
  let value: object = { wrong: 1 };
  for (let level = 0; level < 200; level += 1) value = { left: value };
  const checked = checkValue(tree, value);
  expect(checked).toMatchObject({ ok: false });
  expect(!checked.ok && checked.reason).toContain('("wrong")');
});

test("a schema that holds itself twice at one place checks values as deep as that stays bounded", () => {
  const choice = (op: string) => ({
    properties: { arg: again, op: { const: op } },
    required: ["op"],
  });
  const schema = named({ anyOf: [choice("not"), choice("minus"), { type: "string" }] });
  const nested = (levels: number): unknown =>
    levels === 0 ? "x" : { op: "minus", arg: nested(levels - 1) };
  expect(checkValue(schema, nested(10)).ok).toBe(true);
  const beganMs = performance.now();
  expect(checkValue(schema, nested(60))).toMatchObject({
    ok: false,
    reason: expect.stringContaining("nested deeper than 16 levels"),
  });
  expect(performance.now() - beganMs).toBeLessThan(1_000);
});
