// Our builders against typebox's own: the same JSON Schema, word for word.

import { Type as typebox } from "typebox";
import { expect, test } from "vitest";
import { agentInput } from "../../actors/records/agent.ts";
import { Type } from "../../actors/schema.ts";

function everyBuilder(type: typeof Type) {
  const object = type.Object(
    {
      array: type.Array(type.String({ maxLength: 3 }), { maxItems: 2 }),
      boolean: type.Optional(type.Boolean()),
      integer: type.Integer({ minimum: 1, default: 4 }),
      literal: type.Optional(type.Literal(7)),
      null: type.Union([type.Null(), type.Literal("x", { title: "X" })]),
      number: type.Number(),
      record: type.Record(type.String(), type.Unknown(), { maxProperties: 3 }),
    },
    { additionalProperties: false },
  );
  return [
    object,
    type.Partial(object, { minProperties: 1 }),
    type.Pick(object, ["array", "boolean"], { additionalProperties: false }),
    type.Partial(type.Pick(object, ["number"])),
    type.Object({ only: type.Optional(object) }),
  ];
}

test("the builders make what typebox makes, in the same order", () => {
  expect(JSON.stringify(everyBuilder(Type))).toBe(JSON.stringify(everyBuilder(typebox)));
});

test("a schema is plain data, so that it can cross threads and stand in OpenAPI", () => {
  expect(structuredClone(agentInput)).toEqual(JSON.parse(JSON.stringify(agentInput)));
});
