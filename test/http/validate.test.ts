// What a client is told about a value of the wrong shape.

import { beforeAll, expect, test } from "vitest";
import { type TSchema, Type } from "../../actors/schema.ts";
import { loadValidator, validate } from "../../adapters/http/validate.ts";

beforeAll(loadValidator);

const named = (schema: TSchema) => Type.Object({ name: schema });

test.each<[TSchema, unknown, string]>([
  [Type.Array(Type.String(), { minItems: 1 }), [], "/name must be of at least 1 items."],
  [Type.Array(Type.String(), { maxItems: 1 }), ["a", "b"], "/name must be of at most 1 items."],
  [Type.String({ minLength: 2 }), "a", "/name must be of at least 2 characters."],
  [Type.Number({ minimum: 3 }), 1, "/name must be >= 3."],
  [Type.Integer(), "3", "/name must be an integer."],
])(
  "a wrong value is told its place and what was expected, in words (%#)",
  (schema, value, said) => {
    expect(() => validate(named(schema), { name: value })).toThrow(said);
  },
);
