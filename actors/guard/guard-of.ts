// What the parts of a run ask of its guard: apart from checking itself, which only runs under guardrails load.

import type { RunContext } from "../../runtime/actor.ts";
import type { Ports, ToolCall } from "../ports.ts";
import type { Finding, GuardPlace } from "../records/guardrail.ts";

/** What of a value is left, what was found in it, and the message of the rule that blocks it. */
export interface Checked<V> {
  readonly value: V;
  readonly findings: readonly Finding[];
  readonly blocked: string | null;
}

/** Where a value stands: what is looked at, and which tool, collection or node it is of. */
export interface CheckedAt {
  readonly on: GuardPlace;
  readonly at?: string;
}

/** Guardrails of a run, for what is no shown text. */
export interface RunGuard {
  /** Pure: what was found is told by `tell`, or stored as `guardrails` of a step's result, which tells it. */
  check<V>(value: V, where: CheckedAt): Checked<V>;
}

/** A context under guardrails. */
export interface WithGuard {
  readonly guard: RunGuard;
  /** Tells what was found, once under a key. */
  tell(key: string, findings: readonly Finding[]): void;
}

/** The context as one under guardrails, null when none hold. */
export function guardOf(context: RunContext<Ports>): WithGuard | null {
  return "guard" in context ? (context as unknown as WithGuard) : null;
}

/** A call that a graph makes: what a model calls is checked where it says so. */
export function checkedCall(
  context: RunContext<Ports>,
  key: string,
  call: ToolCall,
): { readonly call: ToolCall; readonly blocked: string | null } {
  const under = guardOf(context);
  if (under === null) return { call, blocked: null };
  const given: unknown = JSON.parse(call.arguments);
  const where = { on: "tool_arguments", at: call.name } as const;
  const { value, findings, blocked } = under.guard.check(given, where);
  if (findings.length > 0) under.tell(`arguments:${key}`, findings);
  const left = blocked === null ? value : {};
  return { call: left === given ? call : { ...call, arguments: JSON.stringify(left) }, blocked };
}

/** A result that a step is to store: what was found stands beside it. */
export function checkedResult(
  context: RunContext<Ports>,
  result: unknown,
  places: readonly CheckedAt[],
): { readonly left: unknown; readonly findings: readonly Finding[] } {
  const under = guardOf(context);
  let left = result;
  const findings: Finding[] = [];
  if (under === null) return { left, findings };
  for (const where of places) {
    const { value, findings: found, blocked } = under.guard.check(left, where);
    findings.push(...found);
    left = value;
    if (blocked !== null)
      return { left: { error: { code: "GUARDRAIL_BLOCKED", message: blocked } }, findings };
  }
  return { left, findings };
}
