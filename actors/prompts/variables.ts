// Typed variables of prompts: whether their declarations make sense, whether values are of their
// types, and what they are where none is given. Every refusal names its place. Pure.

import { RuntimeError } from "../../runtime/errors.ts";
import type { PromptVariable } from "../records/prompt.ts";

type Values = Readonly<Record<string, unknown>>;

/** @throws INVALID with the pointer of the declaration. */
export function checkDeclarations(variables: readonly PromptVariable[]): void {
  const seen = new Set<string>();
  for (const [at, variable] of variables.entries()) {
    const { name, type, values } = variable;
    const pointer = `/variables/${at}`;
    if (seen.has(name)) throw invalid(`There are two variables ${name}.`, `${pointer}/name`);
    seen.add(name);
    if (type === "enum" && values === undefined) {
      throw invalid(`The enum ${name} needs its values.`, `${pointer}/values`);
    }
    if (type !== "enum" && values !== undefined) {
      throw invalid(`Only an enum has values; ${name} is a ${type}.`, `${pointer}/values`);
    }
    if (variable.default !== undefined)
      checkValue(variable, variable.default, `${pointer}/default`);
  }
}

/**
 * Checks that values are of variables that there are, and of their types.
 * @param pointer of the object that holds them, e.g. "/variables".
 * @throws UNKNOWN_FIELD, INVALID with the pointer of the value.
 */
export function checkValues(
  variables: readonly PromptVariable[],
  values: Values,
  pointer: string,
): void {
  const byName = new Map(variables.map((variable) => [variable.name, variable]));
  for (const [name, value] of Object.entries(values)) {
    const variable = byName.get(name);
    const at = `${pointer}/${name.slice(0, 200).replaceAll("~", "~0").replaceAll("/", "~1")}`;
    if (variable === undefined) {
      const names = [...byName.keys()].join(", ") || "none";
      const text = `The prompt has no variable ${name.slice(0, 64)}; there are: ${names}.`;
      throw new RuntimeError("UNKNOWN_FIELD", text, { pointer: at });
    }
    checkValue(variable, value, at);
  }
}

/**
 * The values to fill with: those given, else the defaults.
 * @throws INVALID with the pointer of a required one that is missing.
 */
export function settleValues(
  variables: readonly PromptVariable[],
  values: Values,
  pointer: string,
): Values {
  const settled: Record<string, unknown> = {};
  for (const { name, type, required = false, default: otherwise } of variables) {
    const value = values[name] ?? otherwise;
    if (value === undefined && required) {
      throw invalid(`The prompt needs the variable ${name} (${type}).`, `${pointer}/${name}`);
    }
    if (value !== undefined) settled[name] = value;
  }
  return settled;
}

/** Variables of several prompts together; of one name the first counts. */
export function mergeVariables(
  all: readonly (readonly PromptVariable[])[],
): readonly PromptVariable[] {
  const byName = new Map<string, PromptVariable>();
  for (const variable of all.flat()) {
    if (!byName.has(variable.name)) byName.set(variable.name, variable);
  }
  return [...byName.values()];
}

function checkValue(variable: PromptVariable, value: unknown, pointer: string): void {
  const { name, type, values = [] } = variable;
  if (isOf(type, value, values)) return;
  const wanted = type === "enum" ? `one of ${values.join(", ")}` : `${article(type)} ${type}`;
  throw invalid(`The variable ${name} must be ${wanted}.`, pointer);
}

function isOf(type: PromptVariable["type"], value: unknown, values: readonly string[]): boolean {
  switch (type) {
    case "string":
    case "boolean":
    case "number":
      return typeof value === type;
    case "integer":
      return Number.isSafeInteger(value);
    case "array":
      return Array.isArray(value);
    case "object":
      return typeof value === "object" && value !== null && !Array.isArray(value);
    case "enum":
      return typeof value === "string" && values.includes(value);
  }
}

function article(type: string): string {
  return /^[aeiou]/.test(type) ? "an" : "a";
}

function invalid(message: string, pointer: string): RuntimeError {
  return new RuntimeError("INVALID", message, { pointer });
}
