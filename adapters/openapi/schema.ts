// A schema of a document with its references followed and put in their places, as JSON Schema 2020-12: what 3.0 writes
// otherwise is rewritten. Where a reference leads back to what it is part of, the part is left open; a document that
// unfolds to more than a few thousand parts is refused.

import { openApiLimits } from "../../actors/openapi/api.ts";
import { behind, escaped, Fault, type Fields, isFields, own } from "./document.ts";

/** Of no use to who calls. */
const LEFT_OUT: ReadonlySet<string> = new Set([
  ...([
    "$ref",
    "$id",
    "$schema",
    "$comment",
    "$anchor",
    "$defs",
    "definitions",
    "nullable",
  ] as const),
  ...(["example", "examples", "xml", "externalDocs", "discriminator", "deprecated"] as const),
  ...(["readOnly", "writeOnly", "contentMediaType", "contentEncoding"] as const),
]);
/** Members of these are schemas by names of their own. */
const NAMED: ReadonlySet<string> = new Set(["properties", "patternProperties", "dependentSchemas"]);
const LISTS: ReadonlySet<string> = new Set(["allOf", "anyOf", "oneOf", "prefixItems"]);
const SCHEMAS: ReadonlySet<string> = new Set([
  ...(["items", "additionalProperties", "not", "if", "then", "else", "contains"] as const),
  ...(["propertyNames", "unevaluatedProperties", "unevaluatedItems"] as const),
]);

/** Counts the parts of all schemas of one operation. */
export interface Unfolding {
  readonly root: Fields;
  parts: number;
}

/** The schema at a place. @throws Fault. */
export function schemaAt(
  of: Unfolding,
  value: unknown,
  place: string,
  above: ReadonlySet<object> = new Set(),
): unknown {
  if (typeof value === "boolean" || value === undefined) return value ?? {};
  if (!isFields(value)) throw new Fault("A schema is an object.", place);
  of.parts += 1;
  if (of.parts > openApiLimits.schemaParts) {
    const text = `Its schemas unfold to more than ${openApiLimits.schemaParts} parts.`;
    throw new Fault(text, place);
  }
  if (above.has(value)) return {};
  if (above.size >= openApiLimits.schemaDepth) {
    throw new Fault(`Its schemas are more than ${openApiLimits.schemaDepth} levels deep.`, place);
  }
  const within = new Set([...above, value]);
  const own = membersOf(of, value, place, within);
  const reference = value["$ref"];
  if (typeof reference !== "string") return own;
  const target = schemaAt(of, behind(of.root, reference, place), reference.slice(1), within);
  if (Object.keys(own).length === 0) return target;
  return isFields(target) ? { ...target, ...own } : own;
}

function membersOf(
  of: Unfolding,
  value: Fields,
  place: string,
  above: ReadonlySet<object>,
): Record<string, unknown> {
  const made: Record<string, unknown> = {};
  for (const [name, member] of Object.entries(value)) {
    if (LEFT_OUT.has(name) || name.startsWith("x-") || name === "__proto__") continue;
    const at = `${place}/${escaped(name)}`;
    made[name] = memberOf(of, { name, member, at }, above);
  }
  return plain(withoutReadOnly(made, own(value, "properties")), value);
}

function memberOf(
  of: Unfolding,
  { name, member, at }: { readonly name: string; readonly member: unknown; readonly at: string },
  above: ReadonlySet<object>,
): unknown {
  if (NAMED.has(name) && isFields(member)) {
    const entries = Object.entries(member).filter(([key]) => key !== "__proto__");
    return Object.fromEntries(
      entries.map(([key, one]) => [key, schemaAt(of, one, `${at}/${escaped(key)}`, above)]),
    );
  }
  if (LISTS.has(name) && Array.isArray(member)) {
    return member.map((one, index) => schemaAt(of, one, `${at}/${index}`, above));
  }
  return SCHEMAS.has(name) ? schemaAt(of, member, at, above) : member;
}

/** What only the other side sets is not asked for. */
function withoutReadOnly(made: Record<string, unknown>, before: unknown): Record<string, unknown> {
  const { properties, required } = made;
  if (!isFields(properties) || !isFields(before)) return made;
  const isRead = (name: string): boolean => {
    const property = before[name];
    return isFields(property) && property["readOnly"] === true;
  };
  const left = Object.entries(properties).filter(([name]) => !isRead(name));
  const needed = Array.isArray(required)
    ? { required: required.filter((name) => !isRead(String(name))) }
    : {};
  return { ...made, properties: Object.fromEntries(left), ...needed };
}

/** What 3.0 writes with flags. */
function plain(made: Record<string, unknown>, { nullable }: Fields): Record<string, unknown> {
  for (const [flag, bound] of [
    ...([["exclusiveMinimum", "minimum"]] as const),
    ...([["exclusiveMaximum", "maximum"]] as const),
  ]) {
    if (typeof made[flag] !== "boolean") continue;
    if (made[flag] === true && made[bound] !== undefined) {
      made[flag] = made[bound];
      delete made[bound];
    } else delete made[flag];
  }
  if (nullable === true && typeof made["type"] === "string") {
    made["type"] = [made["type"], "null"];
    if (Array.isArray(made["enum"])) made["enum"] = [...made["enum"], null];
  }
  return made;
}
