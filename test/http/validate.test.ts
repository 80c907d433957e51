// What a client is told about a value of the wrong shape.

import { beforeAll, expect, test } from "vitest";
import { type TSchema, Type } from "../../actors/schema.ts";
import { loadValidator, validate } from "../../adapters/http/validate.ts";

beforeAll(loadValidator);

const named = (schema: TSchema) => Type.Object({ name: schema });

test.each<[TSchema, unknown, string]>([
  [Type.Array(Type.String(), { minItems: 1 }), [], "/name must be of at least 1 item."],
  [Type.Array(Type.String(), { maxItems: 1 }), ["a", "b"], "/name must be of at most 1 item."],
  [Type.String({ minLength: 2 }), "a", "/name must be of at least 2 characters."],
  [Type.String({ minLength: 1 }), "", "/name must be of at least 1 character."],
  [Type.Object({}, { minProperties: 1 }), {}, "/name must be of at least 1 property."],
  [Type.Object({}, { minProperties: 2 }), {}, "/name must be of at least 2 properties."],
  [Type.Number({ minimum: 3 }), 1, "/name must be at least 3."],
  [Type.Number({ exclusiveMinimum: -0.5 }), -1, "/name must be greater than -0.5."],
  [
    Type.Union([Type.Null(), Type.Integer({ maximum: 9 })]),
    10,
    "/name must be null, or at most 9.",
  ],
  [Type.Integer(), "3", "/name must be an integer."],
])(
  "a wrong value is told its place and what was expected, in words (%#)",
  (schema, value, said) => {
    expect(() => validate(named(schema), { name: value })).toThrow(said);
  },
);
