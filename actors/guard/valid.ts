// What no schema can say about a chain: what a rule does must fit what it finds and where it looks, and its
// patterns must be of RE2. Asked where a chain is stored.

import { RuntimeError } from "../../runtime/errors.ts";
import { compileSchema, loadSchemas } from "../answer/output-schema.ts";
import { chainProblem } from "../model-chain.ts";
import type { Guardrail } from "../records/guardrail.ts";
import { compileChecks } from "./check.ts";
import { loadGuardLibraries } from "./libraries.ts";
import { compilePattern } from "./pattern-scanner.ts";

/** @param pointer where the chain stands in the request. @throws INVALID with the pointer of what is wrong. */
export async function checkGuardrails(
  rules: readonly Guardrail[],
  pointer = "/guardrails",
): Promise<void> {
  await loadGuardLibraries();
  const names = new Set<string>();
  for (const [at, rule] of rules.entries()) {
    const place = `${pointer}/${at}`;
    const { name, check, action, on } = rule;
    if (name !== undefined && names.has(name)) {
      throw invalid(`Two guardrails are named ${name}.`, `${place}/name`);
    }
    if (name !== undefined) names.add(name);
    if (new Set(on).size < on.length) throw invalid("A place is named twice.", `${place}/on`);
    checkSense(rule, place);
    if (rule.approvals !== undefined && action !== "ask") {
      throw invalid("approvals are of the action ask.", `${place}/approvals`);
    }
    if ((isLate(rule) || check.type === "schema") && on.includes("retrieved")) {
      const text =
        "What is retrieved is looked at by rules that ask nobody: many passages come at once.";
      throw invalid(text, `${place}/on`);
    }
    if (check.type === "schema") await checkSchema(check.schema, `${place}/check/schema`);
    if (action === "redact" && !findsPlaces(rule)) {
      const text = `${check.type} judges a whole text: there is no place in it to redact.`;
      throw invalid(text, `${place}/action`);
    }
    compileChecks(rule);
  }
}

function checkSense({ check }: Guardrail, place: string): void {
  if (check.type === "length") {
    const { type: _, ...bounds } = check;
    if (Object.keys(bounds).length > 0) return;
    throw invalid("A length needs min_chars, max_chars or max_tokens.", `${place}/check`);
  }
  if (check.type === "judge") {
    const problem = check.model === undefined ? undefined : chainProblem(check.model);
    if (problem !== undefined) throw invalid(problem, `${place}/check/model`);
  }
  if (check.type !== "pattern") return;
  const { deny = [], allow = [] } = check;
  if (deny.length + allow.length === 0) {
    throw invalid("A pattern check needs deny or allow.", `${place}/check`);
  }
  for (const [name, sources] of Object.entries({ deny, allow })) {
    for (const [at, source] of sources.entries())
      checkPattern(source, `${place}/check/${name}/${at}`);
  }
}

function checkPattern(source: string, pointer: string): void {
  try {
    compilePattern(source, false);
  } catch (error) {
    const why = error instanceof Error ? error.message.slice(0, 200) : "";
    throw invalid(`No pattern of RE2: ${why}.`, pointer, error);
  }
}

const judgesWhole: ReadonlySet<string> = new Set(["length", "schema", "judge"]);

const isLate = ({ check, action }: Guardrail): boolean =>
  check.type === "judge" || action === "ask";

async function checkSchema(schema: Readonly<Record<string, unknown>>, at: string): Promise<void> {
  await loadSchemas();
  compileSchema(schema, at);
}

function findsPlaces({ check }: Guardrail): boolean {
  return check.type === "pattern" ? check.allow === undefined : !judgesWhole.has(check.type);
}

function invalid(message: string, pointer: string, cause?: unknown): RuntimeError {
  return new RuntimeError("INVALID", message, { pointer }, { cause });
}
