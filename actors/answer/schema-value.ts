// The smallest honest value that fits an output schema: strings from the extracted answer, other
// values found in the texts by patterns, and a plain refusal where the schema wants what is not there.

import { findValue } from "./collect-parameters.ts";

/** What a value is built from. */
export interface ValueSource {
  /** The extracted answer: goes into strings. */
  readonly answer: string;
  /** Texts to look for e-mails, numbers, dates and words of an enum in; the first counts most. */
  readonly texts: readonly string[];
}

/** A value, or where and why there is none. */
export type BuiltValue =
  | { readonly value: unknown }
  | { readonly pointer: string; readonly reason: string };

type Schema = Readonly<Record<string, unknown>>;

/** Nesting and local references followed. */
const DEPTH_MAX = 16;
const ITEMS_MAX = 32;

const isObject = (value: unknown): value is Schema =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Builds a value for a JSON Schema. It is validated by the caller as any model's answer is. */
export function valueForSchema(schema: Schema, source: ValueSource): BuiltValue {
  return build(schema, { root: schema, source, pointer: "", name: "", depth: 0 });
}

interface Place {
  readonly root: Schema;
  readonly source: ValueSource;
  readonly pointer: string;
  readonly name: string;
  readonly depth: number;
}

const refuse = (place: Place, reason: string): BuiltValue => ({
  pointer: place.pointer === "" ? "/" : place.pointer,
  reason,
});

function build(given: unknown, place: Place): BuiltValue {
  if (given === true) return { value: place.source.answer };
  if (!isObject(given)) return refuse(place, "nothing is allowed there");
  if (place.depth > DEPTH_MAX) return refuse(place, "it is nested too deeply");
  const schema = withRef(given, place.root);
  if (!schema) return refuse(place, "it refers to a schema that is not there");
  if ("const" in schema) return { value: schema["const"] };
  if (Array.isArray(schema["enum"])) return { value: oneOfEnum(schema, place) };
  if ("default" in schema) return { value: schema["default"] };
  const all = schema["allOf"];
  if (Array.isArray(all)) return build(mergeAll([schema, ...all], place), deeper(place));
  const choices = schema["anyOf"] ?? schema["oneOf"];
  if (Array.isArray(choices)) return firstOf(choices, place);
  const type = Array.isArray(schema["type"]) ? schema["type"][0] : schema["type"];
  if (type === "object" || (type === undefined && isObject(schema["properties"]))) {
    return buildObject(schema, place);
  }
  if (type === "array") return buildArray(schema, place);
  if (type === "null") return { value: null };
  if (type === undefined) return { value: place.source.answer };
  return buildPlain(schema, String(type), place);
}

const deeper = (place: Place): Place => ({ ...place, depth: place.depth + 1 });

function withRef(schema: Schema, root: Schema): Schema | undefined {
  const ref = schema["$ref"];
  if (typeof ref !== "string") return schema;
  if (!ref.startsWith("#")) return undefined;
  let current: unknown = root;
  for (const part of ref
    .slice(1)
    .split("/")
    .filter((one) => one !== "")) {
    const name = part.replaceAll("~1", "/").replaceAll("~0", "~");
    current = isObject(current) && Object.hasOwn(current, name) ? current[name] : undefined;
  }
  return isObject(current) && current["$ref"] === undefined ? current : undefined;
}

function mergeAll(schemas: readonly unknown[], place: Place): Schema {
  const merged: Record<string, unknown> = {};
  for (const one of schemas) {
    const schema = isObject(one) ? withRef(one, place.root) : undefined;
    if (!schema) continue;
    for (const [key, value] of Object.entries(schema)) {
      const before = merged[key];
      if (key === "allOf") continue;
      if (key === "properties" && isObject(before) && isObject(value)) {
        merged[key] = { ...before, ...value };
      } else if (key === "required" && Array.isArray(before) && Array.isArray(value)) {
        merged[key] = [...before, ...value];
      } else merged[key] = value;
    }
  }
  return merged;
}

function firstOf(choices: readonly unknown[], place: Place): BuiltValue {
  let last: BuiltValue = refuse(place, "it has no alternatives");
  for (const choice of choices) {
    last = build(choice, deeper(place));
    if ("value" in last) return last;
  }
  return last;
}

// The alternative that the texts name, else the first.
function oneOfEnum(schema: Schema, place: Place): unknown {
  const found = findValue(place.name, schema, place.source.texts);
  const values = schema["enum"] as readonly unknown[];
  return found === undefined ? values[0] : found;
}

function buildObject(schema: Schema, place: Place): BuiltValue {
  const properties = isObject(schema["properties"]) ? schema["properties"] : {};
  const required: readonly unknown[] = Array.isArray(schema["required"]) ? schema["required"] : [];
  const names = [...new Set([...Object.keys(properties), ...required.map(String)])];
  const entries: [string, unknown][] = [];
  for (const name of names) {
    const pointer = `${place.pointer}/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`;
    const inner = Object.hasOwn(properties, name) ? properties[name] : true;
    const built = build(inner, { ...deeper(place), pointer, name });
    if ("value" in built) entries.push([name, built.value]);
    else if (required.includes(name)) return built;
  }
  return { value: Object.fromEntries(entries) };
}

function buildArray(schema: Schema, place: Place): BuiltValue {
  const count = Math.min(Number(schema["minItems"] ?? 0), ITEMS_MAX);
  const items: unknown[] = [];
  for (let at = 0; at < count; at += 1) {
    const pointer = `${place.pointer}/${at}`;
    const built = build(schema["items"] ?? true, { ...deeper(place), pointer });
    if (!("value" in built)) return built;
    items.push(built.value);
  }
  return { value: items };
}

function buildPlain(schema: Schema, type: string, place: Place): BuiltValue {
  const { answer, texts } = place.source;
  const isFree = type === "string" && !schema["format"] && !schema["pattern"];
  if (isFree) {
    const max = Number(schema["maxLength"] ?? Number.POSITIVE_INFINITY);
    const text = answer.length > max ? answer.slice(0, max) : answer;
    const isLongEnough = text.length >= Number(schema["minLength"] ?? 0);
    return isLongEnough
      ? { value: text }
      : refuse(place, "the answer is shorter than its minLength");
  }
  const found = findValue(place.name, schema, texts);
  if (found !== undefined) return { value: found };
  if (type === "boolean") return { value: false };
  if (type === "string") return refuse(place, "the texts hold no value of its format or pattern");
  return refuse(place, `the texts hold no ${type} for it`);
}
