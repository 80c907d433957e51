// CEL expressions of graphs: what an edge asks and what a node is given. Nobody's JavaScript runs:
// expressions are parsed, bounded in size and in nested loops, and their `matches` goes through RE2
// because the library's own uses the backtracking engine.

import type { ASTNode, Environment } from "@marcbachmann/cel-js";
import { RuntimeError } from "../runtime/errors.ts";
import { limits } from "./limits.ts";
import { linearPattern, loadLinearPatterns } from "./linear-pattern.ts";

/** A compiled expression. @throws RuntimeError INVALID when it fails on this state. */
export type Expression = (state: Readonly<Record<string, unknown>>) => unknown;

const SAFE_MATCH = "matchesLinear";
const macros = new Set([
  "all",
  "exists",
  "exists_one",
  "map",
  "filter",
  "transformList",
  "transformMap",
]);

let environment: Environment | undefined;
/** Knows the arguments of a call and nothing else. */
let ofCalls: Environment | undefined;

/** Loads what `compileExpression` needs: only graphs have expressions. Awaited once before it. */
export async function loadExpressions(): Promise<void> {
  if (environment !== undefined) return;
  const [library] = await Promise.all([import("@marcbachmann/cel-js"), loadLinearPatterns()]);
  ofCalls = new library.Environment({ homogeneousAggregateLiterals: false });
  ofCalls.registerVariable("args", "dyn");
  environment = new library.Environment({
    unlistedVariablesAreDyn: true,
    homogeneousAggregateLiterals: false,
    limits: {
      maxAstNodes: limits.expressionNodes,
      maxDepth: limits.expressionDepth,
      maxListElements: limits.expressionListItems,
      maxMapEntries: limits.expressionListItems,
      maxCallArguments: 16,
    },
  }).registerFunction(`string.${SAFE_MATCH}(string): bool`, (text: string, pattern: string) =>
    linearPattern(pattern).matcher(text).find(),
  );
}

/**
 * Compiles an expression over the graph's state: its fields by name, and all of them as `state`.
 * @param pointer where it stands in the request.
 * @throws GRAPH_INVALID with the pointer.
 */
export function compileExpression(source: string, pointer: string): Expression {
  if (environment === undefined) throw new Error("loadExpressions was not awaited.");
  if (source.length > limits.expressionChars) {
    throw invalid(pointer, `An expression has at most ${limits.expressionChars} characters.`);
  }
  let evaluate: (context: Record<string, unknown>) => unknown;
  try {
    const ast = environment.parse(source).ast;
    refuseDeepLoops(ast, 0, pointer);
    const safe = withSafeMatch(source, ast);
    const check = environment.check(safe);
    if (!check.valid) throw check.error ?? new Error("It has a type error.");
    evaluate = environment.parse(safe);
  } catch (error) {
    if (error instanceof RuntimeError) throw error;
    throw invalid(pointer, `The expression is no valid CEL: ${firstLine(error)}`, error);
  }
  return (state) => {
    try {
      const view = toCel(state) as Record<string, unknown>;
      return fromCel(evaluate({ ...view, state: view }));
    } catch (error) {
      throw failed(source, pointer, error);
    }
  };
}

/**
 * Whether an expression is a condition on a call: over its `args` alone, and true or false as far as that
 * can be known before there is a call.
 * @throws GRAPH_INVALID with the pointer.
 */
export function checkCondition(source: string, pointer: string): void {
  compileExpression(source, pointer);
  const { valid, type = "dyn", error } = ofCalls?.check(source) ?? { valid: true };
  if (!valid)
    throw invalid(pointer, `The condition is over args alone: ${firstLine(error)}`, error);
  if (type === "bool" || type === "dyn") return;
  throw invalid(
    pointer,
    `A condition gives true or false; this one gives a value of type ${type}.`,
  );
}

function children(node: ASTNode): readonly ASTNode[] {
  const found: ASTNode[] = [];
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) for (const item of value) visit(item);
    else if (typeof value === "object" && value !== null && "op" in value)
      found.push(value as ASTNode);
  };
  visit(node.args);
  return found;
}

function refuseDeepLoops(node: ASTNode, depth: number, pointer: string): void {
  const isLoop = node.op === "rcall" && macros.has(node.args[0]);
  const inside = depth + (isLoop ? 1 : 0);
  if (inside > limits.expressionMacroDepth) {
    const most = limits.expressionMacroDepth;
    throw invalid(pointer, `Loops (map, filter, all, exists) are at most ${most} deep.`);
  }
  for (const child of children(node)) refuseDeepLoops(child, inside, pointer);
}

/** The same expression with every `.matches(` called by its safe name. */
function withSafeMatch(source: string, root: ASTNode): string {
  const places: number[] = [];
  const visit = (node: ASTNode): void => {
    if (node.op === "rcall" && node.args[0] === "matches") {
      const argument = node.args[2][0];
      const end = argument === undefined ? node.range.end : argument.range.start;
      places.push(source.lastIndexOf("matches", end));
    }
    for (const child of children(node)) visit(child);
  };
  visit(root);
  let safe = source;
  for (const at of places.sort((left, right) => right - left)) {
    safe = safe.slice(0, at) + SAFE_MATCH + safe.slice(at + "matches".length);
  }
  return safe;
}

/** CEL tells integers from doubles: whole numbers go in as integers, lists only so far. */
function toCel(value: unknown): unknown {
  if (typeof value === "number") return Number.isSafeInteger(value) ? BigInt(value) : value;
  if (Array.isArray(value)) {
    if (value.length <= limits.expressionListItems) return value.map(toCel);
    throw new RangeError(`a list has more than ${limits.expressionListItems} items`);
  }
  if (typeof value !== "object" || value === null) return value ?? null;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, toCel(item)]));
}

function fromCel(value: unknown): unknown {
  if (typeof value === "bigint") return Number(value);
  if (Array.isArray(value)) return value.map(fromCel);
  if (value instanceof Map) {
    return Object.fromEntries([...value].map(([key, item]) => [String(key), fromCel(item)]));
  }
  if (typeof value !== "object" || value === null) return value;
  if (Object.getPrototypeOf(value) !== Object.prototype) return String(value);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, fromCel(item)]));
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split("\n")[0] ?? "";
}

function failed(source: string, pointer: string, cause: unknown): RuntimeError {
  const message = `The expression "${source.slice(0, 100)}" failed: ${firstLine(cause)}`;
  return new RuntimeError("INVALID", message, { pointer }, { cause });
}

function invalid(pointer: string, message: string, cause?: unknown): RuntimeError {
  return new RuntimeError("GRAPH_INVALID", message, { pointer }, { cause });
}
