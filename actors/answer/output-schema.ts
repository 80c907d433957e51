// Enforced output: a JSON Schema that a user supplied, checked against what a model wrote. Nothing
// of it may run long or fetch: patterns go through RE2 (linear time), size and depth are limited,
// only references inside the schema are allowed.

import type { Ajv2020, ValidateFunction } from "ajv/dist/2020.js";
import { RuntimeError } from "../../runtime/errors.ts";
import { limits } from "../limits.ts";
import { linearPattern, loadLinearPatterns } from "../linear-pattern.ts";

/** Outcome of a check: the parsed value, or one sentence for the model and the pointer at fault. */
export type Checked =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly reason: string; readonly pointer: string };

type Schema = Readonly<Record<string, unknown>>;

/** Characters of the values of an enum that a model is told. */
const CHOICE_CHARS = 1_000;

let Ajv: typeof Ajv2020 | undefined;
let unfolding: typeof import("./unfolding.ts") | undefined;
const compiled = new Map<string, ValidateFunction>();

/** Loads what schemas are compiled with: most agents have none. Awaited once before that. */
export async function loadSchemas(): Promise<void> {
  if (Ajv !== undefined) return;
  const [library, ours] = await Promise.all([
    import("ajv/dist/2020.js"),
    import("./unfolding.ts"),
    loadLinearPatterns(),
  ]);
  unfolding = ours;
  Ajv = library.Ajv2020;
}

/**
 * Compiles a user's schema, or throws. The same check serves the door (at PUT) and the run.
 * @param pointer where the schema stands in the request, for the error.
 * @throws SCHEMA_INVALID with a pointer: over 64 KB, deeper than 32, a remote `$ref`, `$dynamicRef`, references that
 * unfold to more than 5,000 parts or lead back to the same place.
 */
export function compileSchema(schema: Schema, pointer = "/output_schema"): ValidateFunction {
  const text = JSON.stringify(schema);
  const known = compiled.get(text);
  if (known !== undefined) return known;
  checkSchemaLimits(schema, pointer);
  if (unfolding === undefined) throw new Error("loadSchemas was not awaited.");
  const { isDeeper, valueDepthMax } = unfolding;
  const depthMax = valueDepthMax(schema, pointer);
  const built = build(schema, pointer);
  const isWithin = (value: unknown): boolean => !isDeeper(value, depthMax);
  const validate = Number.isFinite(depthMax) ? bounded(built, { depthMax, isWithin }) : built;
  compiled.set(text, validate);
  if (compiled.size > limits.compiledSchemas) {
    const oldest = compiled.keys().next().value;
    if (oldest !== undefined) compiled.delete(oldest);
  }
  return validate;
}

/** What `compileSchema` refuses before it compiles, for schemas that no value is checked with here. */
export function checkSchemaLimits(schema: Schema, pointer: string): void {
  if (JSON.stringify(schema).length > limits.schemaBytes) {
    throw invalid(pointer, `A schema has at most ${limits.schemaBytes} characters.`);
  }
  refuseDangerous(schema, pointer, 0);
}

/** Checks a model's text: JSON (a surrounding code fence is forgiven) that fits the schema. */
export function checkOutput(schema: Schema, text: string): Checked {
  if (text.length > limits.outputBytes) {
    return {
      ok: false,
      pointer: "",
      reason: `The answer has more than ${limits.outputBytes} characters.`,
    };
  }
  const parsed = parseJson(text);
  if (parsed === undefined)
    return { ok: false, pointer: "", reason: "The answer is no valid JSON." };
  return checkValue(schema, parsed.value);
}

/** Checks a value: one sentence on the first place where it does not fit. */
export function checkValue(schema: Schema, value: unknown): Checked {
  const validate = compileSchema(schema);
  if (validate(value)) return { ok: true, value };
  const first = validate.errors?.[0];
  const pointer = first?.instancePath ?? "";
  const what = first?.message ?? "does not fit the schema";
  const extra = first?.params["additionalProperty"];
  const allowed: unknown = first?.params["allowedValues"];
  const choice = Array.isArray(allowed) ? allowed.map((one) => JSON.stringify(one)).join(", ") : "";
  const named =
    typeof extra === "string"
      ? ` ("${extra}")`
      : choice === ""
        ? ""
        : ` (${choice.slice(0, CHOICE_CHARS)})`;
  return { ok: false, pointer, reason: `At "${pointer === "" ? "/" : pointer}": ${what}${named}.` };
}

/** JSON in a text, with or without a code fence around it; undefined when there is none. */
export function parseJson(text: string): { readonly value: unknown } | undefined {
  const trimmed = text.trim();
  const open = trimmed.startsWith("```") ? trimmed.indexOf("\n") : -1;
  const body = open === -1 ? trimmed : trimmed.slice(open + 1).replace(/`{3}$/, "");
  try {
    return { value: JSON.parse(body) };
  } catch {
    return undefined;
  }
}

/** For values of a depth alone at which the work stays bounded. */
function bounded(
  validate: ValidateFunction,
  { depthMax, isWithin }: { readonly depthMax: number; isWithin(value: unknown): boolean },
): ValidateFunction {
  const own = (value: unknown): boolean => {
    if (!isWithin(value)) {
      const message = `is nested deeper than ${depthMax} levels, the most that this schema is checked for`;
      checked.errors = [
        { instancePath: "", schemaPath: "", keyword: "depth", params: {}, message },
      ];
      return false;
    }
    const isFit = validate(value) as boolean;
    checked.errors = validate.errors ?? null;
    return isFit;
  };
  const checked = Object.assign(own, validate) as unknown as ValidateFunction;
  return checked;
}

function build(schema: Schema, pointer: string): ValidateFunction {
  if (Ajv === undefined) throw new Error("loadSchemas was not awaited.");
  // One instance a schema: an `$id` in one user's schema must not meet another's.
  const ajv = new Ajv({
    strict: false,
    allErrors: false,
    validateFormats: false,
    addUsedSchema: false,
    code: { regExp: patterns },
  });
  try {
    // Libraries write of which draft their schemas are; what they write is the same in all of them.
    const { $schema: _, ...rest } = schema;
    return ajv.compile(rest);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw invalid(pointer, `The schema cannot be used: ${message.slice(0, 300)}.`, error);
  }
}

function refuseDangerous(value: unknown, pointer: string, depth: number): void {
  if (depth > limits.schemaDepth) {
    throw invalid(pointer, `A schema is at most ${limits.schemaDepth} levels deep.`);
  }
  if (typeof value !== "object" || value === null) return;
  for (const [key, child] of Object.entries(value)) {
    const at = `${pointer}/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`;
    if (key === "$dynamicRef" || key === "$dynamicAnchor" || key === "$recursiveRef") {
      throw invalid(at, `${key} is not allowed in a schema.`);
    }
    if (key === "$ref" && typeof child === "string" && !child.startsWith("#")) {
      throw invalid(at, "A $ref must stay inside the schema (start with #).");
    }
    if (key === "$async") throw invalid(at, "$async is not allowed in a schema.");
    refuseDangerous(child, at, depth + 1);
  }
}

function invalid(pointer: string, message: string, cause?: unknown): RuntimeError {
  return new RuntimeError("SCHEMA_INVALID", message, { pointer }, { cause });
}

/** RE2 in the shape ajv asks for: linear in the text whatever the pattern. */
function patternOf(pattern: string): { test(text: string): boolean; toString(): string } {
  const program = linearPattern(pattern);
  // ajv tells compiled patterns apart by their text: without it all would be the first one.
  return { test: (text) => program.matcher(text).find(), toString: () => `/${pattern}/u` };
}

/** `code` is what ajv would write into generated source; nothing is generated to a file here. */
const patterns = Object.assign(patternOf, { code: "patterns" });
