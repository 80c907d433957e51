// Schemas as the description writes them: named ones once under `components/schemas` and a reference
// wherever they occur, the others in place.

import { nameOf, originalOf } from "./named.ts";

/** Any part of the document. */
export type Json = Readonly<Record<string, unknown>>;

/** Collects the named schemas of a document. */
export interface Components {
  /** A schema to stand in the document: itself, or a reference to it. */
  write(schema: object): Json;
  /** The named schemas written so far, by name. */
  schemas(): Json;
}

/** Words of a schema whose values are data, not schemas. */
const DATA = new Set(["const", "default", "enum", "examples"]);

/** Collects from here on. */
export function createComponents(): Components {
  const sources = new Map<string, object>();
  const written = new Map<string, Json>();
  const write = (given: object): Json => {
    const schema = originalOf(given);
    const name = nameOf(schema);
    if (name === undefined) return inPlace(schema);
    const known = sources.get(name);
    if (known !== undefined && known !== schema) throw new Error(`Two schemas are named ${name}.`);
    if (known === undefined) {
      sources.set(name, schema);
      written.set(name, inPlace(schema));
    }
    return { $ref: `#/components/schemas/${name}` };
  };
  const inPlace = (schema: object): Json =>
    Object.fromEntries(
      Object.entries(schema).map(([word, value]) =>
        word === "patternProperties"
          ? anyName(value)
          : [word, DATA.has(word) ? value : deep(value)],
      ),
    );
  // A record of any names: `additionalProperties` says the same, and is what tools show.
  const anyName = (value: Readonly<Record<string, unknown>>): [string, unknown] => {
    const [[pattern, schema] = ["", {}], ...others] = Object.entries(value);
    return pattern === "^.*$" && others.length === 0
      ? ["additionalProperties", deep(schema)]
      : ["patternProperties", deep(value)];
  };
  const deep = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(deep);
    return typeof value === "object" && value !== null ? write(value) : value;
  };
  return {
    write,
    schemas: () => Object.fromEntries([...written].sort(([a], [b]) => (a < b ? -1 : 1))),
  };
}
