// Names of schemas in the API's description. A schema stays plain data: its name is kept beside it,
// by identity, so that what validates bodies is the very object that is described.

import { type TSchema, Type } from "../../../actors/schema.ts";

const names = new WeakMap<object, string>();
const originals = new WeakMap<object, object>();

/** Gives a schema its name in `components/schemas`, in PascalCase. Returns it unchanged. */
export function named<Schema extends TSchema>(name: string, schema: Schema): Schema {
  names.set(schema, name);
  return schema;
}

/** The name a schema was given. */
export function nameOf(schema: object): string | undefined {
  return names.get(schema);
}

/** A schema where it may be absent. Being optional is the mark of a copy, which keeps its name. */
export function optional<Schema extends TSchema>(schema: Schema) {
  const copy = Type.Optional(schema);
  originals.set(copy, schema);
  return copy;
}

/** The schema that was named, of a copy of it. */
export function originalOf(schema: object): object {
  return originals.get(schema) ?? schema;
}

/** A schema of a name within itself: what nests. */
export function reference(name: string): TSchema {
  return { $ref: `#/components/schemas/${name}` };
}
