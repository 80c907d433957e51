// Names of schemas in the API's description. A schema stays plain data: its name is kept beside it,
// by identity, so that what validates bodies is the very object that is described.

import type { TSchema } from "../../../actors/schema.ts";

const names = new WeakMap<object, string>();

/** Gives a schema its name in `components/schemas`, in PascalCase. Returns it unchanged. */
export function named<Schema extends TSchema>(name: string, schema: Schema): Schema {
  names.set(schema, name);
  return schema;
}

/** The name a schema was given. */
export function nameOf(schema: object): string | undefined {
  return names.get(schema);
}
