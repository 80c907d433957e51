// `required_parameters`: what an agent must learn from the user. The model that answers also reports
// what it heard, in a tail of its answer that viewers never see; what it does not report, and what
// the built-in answerer hears, is found by patterns. Values live in the conversation's state, so
// that later turns fill in more.

import { limits } from "../limits.ts";
import type { DataCollection } from "../records/conversation.ts";
import { propertiesOf, propertyOf } from "./collect-parameters.ts";
import { checkOutput, parseJson } from "./output-schema.ts";

type Fields = Readonly<Record<string, unknown>>;

/** Opens the tail that carries the collected values; everything after it is hidden. */
export const dataMarker = "<data>";
const dataEnd = "</data>";

/** A field to collect. */
export interface Parameter {
  readonly name: string;
  readonly schema: Fields;
  readonly required: boolean;
}

/** The fields of a `required_parameters` schema or plain map; without `required`, all are. */
export function parametersOf(schema: Fields | null | undefined): readonly Parameter[] {
  if (schema === null || schema === undefined) return [];
  const required = schema["required"];
  return Object.entries(propertiesOf(schema))
    .filter(([name]) => !forbidden.has(name))
    .map(([name, value]) => ({
      name,
      schema: propertyOf(value),
      required: Array.isArray(required) ? required.includes(name) : true,
    }));
}

/** What to tell the model: what is known, what is missing, and how to report. */
export function collectInstruction(parameters: readonly Parameter[], collected: Fields): string {
  const missing = parameters.filter(({ name }) => !Object.hasOwn(collected, name));
  const fields = missing.map(({ name, schema }) => {
    const kind = schema["type"] ?? "text";
    const about = schema["description"];
    return `${name} (${String(kind)}${typeof about === "string" ? `: ${about}` : ""})`;
  });
  const known = Object.keys(collected).length === 0 ? "" : ` Known: ${JSON.stringify(collected)}.`;
  if (missing.length === 0) return known.trim();
  return (
    `Collect from the user: ${fields.join("; ")}.${known} Ask for what is missing. ` +
    `End with ${dataMarker}{JSON of the fields the user has given}${dataEnd}.`
  );
}

/** An answer cut into what is shown and what the model reported; `data` null when it reported nothing. */
export function splitData(text: string): { readonly shown: string; readonly data: Fields | null } {
  const at = text.indexOf(dataMarker);
  if (at === -1) return { shown: text, data: null };
  const rest = text.slice(at + dataMarker.length);
  const end = rest.indexOf(dataEnd);
  const parsed = parseJson(end === -1 ? rest : rest.slice(0, end))?.value;
  const data =
    typeof parsed === "object" && parsed !== null && !Array.isArray(parsed)
      ? (parsed as Fields)
      : null;
  return { shown: text.slice(0, at).trimEnd(), data };
}

/** Adds the reported values that fit their field's schema; others are as if never said. */
export function collect(
  parameters: readonly Parameter[],
  collected: Fields,
  reported: Fields,
): DataCollection {
  const values: Record<string, unknown> = { ...collected };
  for (const { name, schema } of parameters) {
    if (!Object.hasOwn(reported, name)) continue;
    const value = reported[name];
    if (value === null || value === undefined || value === "") continue;
    const text = JSON.stringify(value);
    if (checkOutput(schema, text).ok) values[name] = value;
  }
  const bounded =
    JSON.stringify(values).length <= limits.collectedBytes ? values : { ...collected };
  const missing = parameters
    .filter(({ name, required }) => required && !Object.hasOwn(bounded, name))
    .map(({ name }) => name);
  return { collected: bounded, missing, complete: missing.length === 0 };
}

/** One question for what is missing, for answerers that do not ask by themselves. "" when complete. */
export function questionFor(parameters: readonly Parameter[], missing: readonly string[]): string {
  if (missing.length === 0) return "";
  const names = missing.map((name) => {
    const about = parameters.find((one) => one.name === name)?.schema["description"];
    return typeof about === "string" && about.length <= 80 ? about : name.replaceAll("_", " ");
  });
  return `Please tell me: ${names.join(", ")}.`;
}

const forbidden = new Set(["__proto__", "constructor", "prototype"]);
