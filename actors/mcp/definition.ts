// What a server says of a tool is data of a stranger: before a model is told of it, it is bounded, freed of
// characters that nobody sees, and its schema held to the limits of schemas that users write. Its hash is of what
// the server said, so that nothing is changed behind what is taken out.

import { createHash } from "node:crypto";
import { RuntimeError } from "../../runtime/errors.ts";
import { checkSchemaLimits, compileSchema } from "../answer/output-schema.ts";
import { beginningOf } from "../tools/result.ts";
import { type McpSaid, mcpLimits } from "./port.ts";
import { leadingBack } from "./unfold.ts";

type Schema = Readonly<Record<string, unknown>>;

/** What a model is told of a tool. */
export interface Definition {
  readonly description: string;
  readonly parameters: Schema;
}

/** What a model is told, or why the tool cannot be offered. */
export type Read =
  | { readonly ok: true; readonly definition: Definition }
  | { readonly ok: false; readonly fault: string };

/** Controls, formats (direction, joiners, tags), what has no meaning, and selectors of variants: text can be hidden in them. */
const UNSEEN = /(?![\n\t])(?:\p{C}|\p{Variation_Selector})/gu;
/** Words of a schema that are there to be read. */
const READ: ReadonlySet<string> = new Set(["description", "title"]);
/** Words whose values are data: nothing below them is a schema. */
const DATA: ReadonlySet<string> = new Set(["const", "enum", "default"]);
/** Not needed by anybody who calls the tool. */
const LEFT_OUT: ReadonlySet<string> = new Set(["$comment", "examples", "$schema", "$id"]);

/** SHA-256 of what is said of a tool, whatever the order of its members. */
export function definitionHash({ name, title, description, schema }: McpSaid): string {
  const said = JSON.stringify(sorted({ name, title, description, schema }));
  return createHash("sha256").update(said).digest("hex");
}

/** `loadSchemas` was awaited. @param server what it is called for people. */
export function readDefinition(said: McpSaid, server: string): Read {
  const { title, description, schema } = said;
  const tooLarge = said.fault ?? sizeFault(schema);
  if (tooLarge !== undefined) return fault(tooLarge);
  const given: Schema = { type: "object", ...schema };
  if (given["type"] !== "object") return fault("its arguments are no object");
  try {
    checkSchemaLimits(given, "/inputSchema");
    const parameters = cleaned(given, true, leadingBack(given)) as Schema;
    compileSchema(parameters, "/inputSchema");
    const words = seen(description === "" ? title : description, mcpLimits.descriptionChars);
    return { ok: true, definition: { description: `[${server}] ${words}`, parameters } };
  } catch (error) {
    if (!(error instanceof RuntimeError)) throw error;
    return fault(`its schema cannot be used (${seen(error.message, 300)})`);
  }
}

/** Why a schema is not even read; undefined for one that is. */
export function sizeFault(schema: object): string | undefined {
  const length = charsOf(schema);
  if (length <= mcpLimits.schemaChars) return undefined;
  if (length === Number.POSITIVE_INFINITY) return "its schema is nested too deep";
  return `its schema has ${length} characters; the limit is ${mcpLimits.schemaChars}`;
}

/** Of a value as JSON. */
export function charsOf(value: object): number {
  try {
    return JSON.stringify(value).length;
  } catch (error) {
    // It is deeper than the stack.
    if (error instanceof RangeError) return Number.POSITIVE_INFINITY;
    throw error;
  }
}

/** A text of a stranger with nothing in it that is not seen, cut to its limit. */
export function seen(text: string, charsMax: number): string {
  const clean = text.replaceAll(UNSEEN, "").trim();
  return clean.length <= charsMax ? clean : `${beginningOf(clean, charsMax - 1)}…`;
}

const fault = (text: string): Read => ({ ok: false, fault: text });

/** @param back references that are left out. */
function cleaned(value: unknown, isSchema: boolean, back: ReadonlySet<object>): unknown {
  if (typeof value === "string") return plain(value);
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map((one) => cleaned(one, isSchema, back));
  const leftOut = (key: string): boolean =>
    (isSchema && LEFT_OUT.has(key)) || (key === "$ref" && back.has(value));
  const kept = Object.entries(value).filter(([key]) => !leftOut(key));
  return Object.fromEntries(
    kept.map(([key, child]) => [plain(key), part(key, child, isSchema ? back : null)]),
  );
}

/** @param back null: not within a schema. */
function part(key: string, child: unknown, back: ReadonlySet<object> | null): unknown {
  if (back === null) return cleaned(child, false, new Set());
  if (READ.has(key) && typeof child === "string") return seen(child, mcpLimits.partChars);
  // Under `properties` and the like names stand where elsewhere words of a schema do.
  if (NAMES.has(key) && typeof child === "object" && child !== null) {
    return Object.fromEntries(
      Object.entries(child).map(([name, one]) => [plain(name), cleaned(one, true, back)]),
    );
  }
  return cleaned(child, !DATA.has(key), back);
}

/** A name or a value, which cannot be changed. */
function plain(text: string): string {
  if (text.search(UNSEEN) === -1) return text;
  throw new RuntimeError("SCHEMA_INVALID", "A name or a value has characters that are not seen.");
}

/** Words whose members are named by whoever wrote the schema. */
const NAMES: ReadonlySet<string> = new Set([
  ...["properties", "patternProperties", "$defs", "definitions", "dependentSchemas"],
]);

function sorted(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(sorted);
  const entries = Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1));
  return Object.fromEntries(entries.map(([key, child]) => [key, sorted(child)]));
}
