// The state of a graph as its schema describes it: which fields there are, how values join, what they
// must be, and what stands in them at the start.

import { compileSchema } from "../answer/output-schema.ts";
import type { Reducer, StateFields } from "./graph.ts";
import { type Fields, invalid, objectOf } from "./node-reader.ts";

const reducers: readonly string[] = ["replace", "append", "merge", "sum"];
const FIELD = /^[A-Za-z_][A-Za-z0-9_]{0,63}$/;
const forbiddenFields = new Set(["state", "__proto__", "constructor", "prototype"]);

/**
 * Reads a state schema.
 * @param builtin names that mean something else in expressions.
 * @param isTyped whether written values are checked; then output-schema.ts's loadSchemas was awaited.
 * @throws GRAPH_INVALID, SCHEMA_INVALID with a pointer under /state_schema.
 */
export function compileState(
  schema: Fields | null | undefined,
  builtin: ReadonlySet<string>,
  isTyped: boolean,
): StateFields {
  const properties = schema?.["properties"] ?? {};
  const found = new Map<string, Reducer>();
  const checks = new Map<string, (value: unknown) => string | null>();
  const initial: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(objectOf(properties, "/state_schema/properties"))) {
    const pointer = `/state_schema/properties/${name}`;
    if (!FIELD.test(name) || forbiddenFields.has(name) || builtin.has(name)) {
      throw invalid(pointer, `"${name}" is no name for a field of the state.`);
    }
    const property = objectOf(value, pointer);
    const reducer = property["reducer"] ?? "replace";
    if (typeof reducer !== "string" || !reducers.includes(reducer)) {
      throw invalid(`${pointer}/reducer`, `A reducer is one of ${reducers.join(", ")}.`);
    }
    found.set(name, reducer as Reducer);
    initial[name] = property["default"] ?? emptyOf(reducer as Reducer);
    if (isTyped) checks.set(name, checkOf(property, pointer));
    const wrong = "default" in property ? checks.get(name)?.(property["default"]) : null;
    if (wrong) throw invalid(`${pointer}/default`, `The default does not fit its schema: ${wrong}`);
  }
  return { reducers: found, checks, initial };
}

function checkOf(property: Fields, pointer: string): (value: unknown) => string | null {
  const { reducer: _, default: __, ...schema } = property;
  const validate = compileSchema(schema, pointer);
  return (value) => {
    if (validate(value)) return null;
    const first = validate.errors?.[0];
    const at = first?.instancePath ? `at ${first.instancePath} it ` : "it ";
    return `${at}${first?.message ?? "does not fit the schema"}.`;
  };
}

function emptyOf(reducer: Reducer): unknown {
  if (reducer === "append") return [];
  if (reducer === "merge") return {};
  return reducer === "sum" ? 0 : null;
}
