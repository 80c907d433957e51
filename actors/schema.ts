// The builders that records and routes are described with. They make the same JSON Schema as
// typebox's own, with its types, without loading it: its builders are 350 modules, 140 ms of a start.

import type { Type as Typebox } from "typebox";

export type { Static, TSchema } from "typebox";

type Builders = Pick<
  typeof Typebox,
  | "Array"
  | "Boolean"
  | "Integer"
  | "Literal"
  | "Null"
  | "Number"
  | "Object"
  | "Optional"
  | "Partial"
  | "Pick"
  | "Record"
  | "String"
  | "Union"
  | "Unknown"
>;

type Schema = Readonly<Record<string, unknown>>;
type Properties = Readonly<Record<string, Schema>>;

/** Being optional is a mark of a schema in its object, never a word of the schema itself. */
const optional = new WeakSet<Schema>();

const scalar =
  (type: string) =>
  (options: Schema = {}): Schema => ({ type, ...options });

function objectOf(properties: Properties, options: Schema = {}): Schema {
  const required = Object.keys(properties).filter((name) => !isOptional(properties[name]));
  return {
    type: "object",
    ...(required.length > 0 && { required }),
    properties,
    ...options,
  };
}

function isOptional(schema: Schema | undefined): boolean {
  return schema !== undefined && optional.has(schema);
}

function asOptional(schema: Schema): Schema {
  const copy = { ...schema };
  optional.add(copy);
  return copy;
}

function propertiesOf(schema: Schema): [string, Schema][] {
  return Object.entries(schema["properties"] as Properties);
}

const builders = {
  Array: (items: Schema, options: Schema = {}): Schema => ({ type: "array", items, ...options }),
  Boolean: scalar("boolean"),
  Integer: scalar("integer"),
  Literal: (value: unknown, options: Schema = {}): Schema => ({
    type: typeof value,
    const: value,
    ...options,
  }),
  Null: scalar("null"),
  Number: scalar("number"),
  Object: objectOf,
  Optional: asOptional,
  Partial: (schema: Schema, options: Schema = {}): Schema => {
    const all = propertiesOf(schema).map(([name, one]) => [name, asOptional(one)]);
    return objectOf(Object.fromEntries(all), options);
  },
  Pick: (schema: Schema, names: readonly string[], options: Schema = {}): Schema => {
    const some = propertiesOf(schema).filter(([name]) => names.includes(name));
    return objectOf(Object.fromEntries(some), options);
  },
  // Keys are strings in JSON: the only record there is.
  Record: (_key: Schema, value: Schema, options: Schema = {}): Schema => ({
    type: "object",
    patternProperties: { "^.*$": value },
    ...options,
  }),
  String: scalar("string"),
  Union: (anyOf: readonly Schema[], options: Schema = {}): Schema => ({ anyOf, ...options }),
  Unknown: (options: Schema = {}): Schema => ({ ...options }),
};

/**
 * JSON Schema builders with typebox's types. A schema is plain data: it crosses threads, goes into
 * OpenAPI as it is, and is what adapters/http/validate.ts compiles.
 */
export const Type = builders as unknown as Builders;
