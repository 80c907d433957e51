// Arguments of the tools of files: checked here too, as a record may have parameters of its own.

import { RuntimeError } from "../../runtime/errors.ts";
import type { Arguments } from "./tool.ts";

/** `config.paths`. */
export const pathsOf = (config: object): readonly string[] =>
  (config as { readonly paths: readonly string[] }).paths;

/** A text among the arguments; `byDefault` where there is none. @throws INVALID. */
export function textIn(given: Arguments, name: string, byDefault: string | null = null): string {
  const value = given[name] ?? byDefault;
  if (typeof value === "string") return value;
  throw wrong(name, "a text");
}

/** A text that may be missing. @throws INVALID. */
export function optionalText(given: Arguments, name: string): string | undefined {
  return given[name] === undefined || given[name] === null ? undefined : textIn(given, name);
}

/** A whole number, not below 0. @throws INVALID. */
export function countIn(given: Arguments, name: string, byDefault: number): number {
  const value = given[name] ?? byDefault;
  if (Number.isSafeInteger(value) && Number(value) >= 0) return Number(value);
  throw wrong(name, "a whole number of 0 or more");
}

/** One of these words. @throws INVALID. */
export function wordIn<T extends string>(given: Arguments, name: string, words: readonly T[]): T {
  const found = words.find((word) => word === (given[name] ?? words[0]));
  if (found !== undefined) return found;
  throw wrong(name, `one of ${words.join(", ")}`);
}

/** Texts that may be missing. @throws INVALID. */
export function optionalTexts(given: Arguments, name: string): readonly string[] | undefined {
  const value = given[name];
  if (value === undefined || value === null) return undefined;
  const isTexts = Array.isArray(value) && value.every((one) => typeof one === "string");
  if (isTexts) return value as readonly string[];
  throw wrong(name, "a list of texts");
}

function wrong(name: string, what: string): RuntimeError {
  return new RuntimeError("INVALID", `${name} is ${what}.`, { pointer: `/${name}` });
}
