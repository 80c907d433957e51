// Templates of prompts: mustache's syntax, read by its parser and filled here, so that nothing a template
// or a value holds is ever run: names lead to values' own members alone, there are no functions,
// nothing is escaped for HTML, and repeats and output have limits. Pure.

import { RuntimeError } from "../../runtime/errors.ts";

/** Limits of filling a template. */
export const templateLimits = {
  /** Sections inside each other, and partials inside partials. */
  depth: 16,
  /** Times that sections are repeated, all together. */
  repeats: 10_000,
  outputChars: 200_000,
  /** Prompts that one may have in it, all together. */
  partials: 64,
} as const;

/** A piece of a parsed template. `at` is the place in the text, in characters. */
export type TemplatePart =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "value"; readonly name: string; readonly at: number }
  | { readonly type: "partial"; readonly name: string; readonly at: number }
  | {
      readonly type: "section";
      readonly name: string;
      readonly at: number;
      /** Shown where the value is empty, not where it is there. */
      readonly isInverted: boolean;
      readonly parts: readonly TemplatePart[];
    };

/** What of mustache's writer is used; its types leave the cache out. */
interface Parser {
  templateCache: unknown;
  parse(template: string): unknown;
}
/** [type, name, from, to], of a section also its tokens. */
type Token = readonly [string, string, number, number, (readonly Token[])?, ...unknown[]];

let parser: Parser | undefined;

/** Loads the parser. Awaited once before `parseTemplate` is called. */
export async function loadTemplates(): Promise<void> {
  if (parser !== undefined) return;
  const { default: mustache } = await import("mustache");
  const made = new mustache.Writer() as unknown as Parser;
  // Its own cache has no bound; parsed templates are kept by version (prompt.ts).
  made.templateCache = undefined;
  parser = made;
}

/** @throws INVALID with pointer "/template" for a text that is no template. */
export function parseTemplate(text: string): readonly TemplatePart[] {
  if (parser === undefined) throw new Error("loadTemplates was not awaited.");
  try {
    return partsOf(parser.parse(text) as readonly Token[], 0);
  } catch (error) {
    if (error instanceof RuntimeError) throw error;
    const why = error instanceof Error ? error.message : String(error);
    throw invalid(`The template cannot be read: ${why}.`);
  }
}

function partsOf(tokens: readonly Token[], depth: number): readonly TemplatePart[] {
  if (depth > templateLimits.depth) {
    throw invalid(`Sections are at most ${templateLimits.depth} levels deep.`);
  }
  return tokens.flatMap(([type, name, at, , inner = []]): readonly TemplatePart[] => {
    switch (type) {
      case "text":
        return [{ type: "text", text: name }];
      case "name":
      case "&":
        return [{ type: "value", name, at }];
      case ">":
        return [{ type: "partial", name, at }];
      case "#":
      case "^": {
        const parts = partsOf(inner, depth + 1);
        return [{ type: "section", name, at, isInverted: type === "^", parts }];
      }
      default:
        return [];
    }
  });
}

/** A name in a template, and whether it stands in a section of something that may have members. */
export interface NameUse {
  readonly name: string;
  readonly at: number;
  /** Variables whose sections it is in. */
  readonly within: readonly string[];
}

/** The first part of every dotted name of values and sections; "." is the item itself. */
export function namesIn(
  parts: readonly TemplatePart[],
  within: readonly string[] = [],
): readonly NameUse[] {
  return parts.flatMap((part): readonly NameUse[] => {
    if (part.type === "text" || part.type === "partial") return [];
    const [name = ""] = part.name.split(".");
    const own = part.name === "." ? [] : [{ name, at: part.at, within }];
    if (part.type === "value") return own;
    return [...own, ...namesIn(part.parts, part.isInverted ? within : [...within, name])];
  });
}

/** Names of the partials, each once. */
export function partialsIn(parts: readonly TemplatePart[]): readonly string[] {
  const names = parts.flatMap((part): readonly string[] => {
    if (part.type === "partial") return [part.name];
    return part.type === "section" ? partialsIn(part.parts) : [];
  });
  return [...new Set(names)];
}

/** A template with what its partials' names mean in it. */
export interface FilledTemplate {
  readonly parts: readonly TemplatePart[];
  readonly partials: ReadonlyMap<string, FilledTemplate>;
}

/**
 * Fills a template.
 * @param values by the names of variables.
 * @throws INVALID when the text, its repeats or its partials pass a limit.
 */
export function fillTemplate(
  template: FilledTemplate,
  values: Readonly<Record<string, unknown>>,
): string {
  const filling: Filling = { out: [], chars: 0, repeats: 0 };
  fill(filling, template, template.parts, [values], 0);
  return filling.out.join("");
}

interface Filling {
  readonly out: string[];
  chars: number;
  repeats: number;
}

function fill(
  filling: Filling,
  template: FilledTemplate,
  parts: readonly TemplatePart[],
  scopes: readonly unknown[],
  depth: number,
): void {
  for (const part of parts) {
    if (part.type === "text") write(filling, part.text);
    else if (part.type === "value") write(filling, textOf(lookUp(scopes, part.name)));
    else if (part.type === "section") fillSection(filling, template, part, scopes, depth);
    else {
      const partial = template.partials.get(part.name);
      if (depth >= templateLimits.depth) {
        throw invalid(`Prompts are at most ${templateLimits.depth} levels deep in each other.`);
      }
      if (partial !== undefined) fill(filling, partial, partial.parts, scopes, depth + 1);
    }
  }
}

function fillSection(
  filling: Filling,
  template: FilledTemplate,
  part: Extract<TemplatePart, { type: "section" }>,
  scopes: readonly unknown[],
  depth: number,
): void {
  const value = lookUp(scopes, part.name);
  if (part.isInverted) {
    if (isEmpty(value)) fill(filling, template, part.parts, scopes, depth);
    return;
  }
  if (isEmpty(value)) return;
  for (const item of Array.isArray(value) ? value : [value]) {
    filling.repeats += 1;
    if (filling.repeats > templateLimits.repeats) {
      throw invalid(`A template repeats its sections at most ${templateLimits.repeats} times.`);
    }
    fill(filling, template, part.parts, item === true ? scopes : [...scopes, item], depth);
  }
}

function write(filling: Filling, text: string): void {
  filling.chars += text.length;
  if (filling.chars > templateLimits.outputChars) {
    throw invalid(`A prompt has at most ${templateLimits.outputChars} characters when filled.`);
  }
  filling.out.push(text);
}

/** The value of a dotted name: its first part in the innermost scope that has it, the rest in there. */
function lookUp(scopes: readonly unknown[], name: string): unknown {
  if (name === ".") return scopes.at(-1);
  const [first = "", ...rest] = name.split(".");
  const scope = scopes.findLast((one) => hasOwn(one, first));
  return rest.reduce(memberOf, memberOf(scope, first));
}

function memberOf(value: unknown, name: string): unknown {
  return hasOwn(value, name) ? (value as Readonly<Record<string, unknown>>)[name] : undefined;
}

function hasOwn(value: unknown, name: string): boolean {
  if (Array.isArray(value)) return /^\d+$/.test(name) && Object.hasOwn(value, name);
  return typeof value === "object" && value !== null && Object.hasOwn(value, name);
}

function isEmpty(value: unknown): boolean {
  return !value || (Array.isArray(value) && value.length === 0);
}

function textOf(value: unknown): string {
  if (value === undefined || value === null) return "";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

function invalid(message: string): RuntimeError {
  return new RuntimeError("INVALID", message, { pointer: "/template" });
}
