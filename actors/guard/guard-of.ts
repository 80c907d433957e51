// What the parts of a run ask of its guard: apart from checking itself, which only runs under guardrails load.

import type { Attempt, RunContext } from "../../runtime/actor.ts";
import type { Ports, ToolCall, Usage } from "../ports.ts";
import type { Finding, GuardPlace, GuardRef } from "../records/guardrail.ts";
import type { Verdict } from "./judging.ts";
import type { Question } from "./late.ts";

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
  /** Whose rules hold. */
  readonly refs: readonly GuardRef[];
  /** What was found in the run so far, and what models have taken that judge for it. */
  readonly findings: readonly Finding[];
  readonly usage: Usage;
  /**
   * Pure: what was found is told by `tell`, or stored as `guardrails` of a step's result, which tells it.
   * @param isPart rules of the form of a whole answer do not look at it. Default false.
   */
  check<V>(value: V, where: CheckedAt, isPart?: boolean): Checked<V>;
}

/** What rules that ask a model say, as it is stored with a step; people are asked after it. */
export interface Looked {
  readonly findings: readonly Finding[];
  readonly blocked: string | null;
  readonly questions: readonly Question[];
  readonly verdicts: readonly Verdict[];
}

/** What people are asked about. */
export interface AskedValue extends CheckedAt {
  readonly key: string;
  readonly questions: readonly Question[];
  readonly shown: Readonly<Record<string, unknown>>;
  /** Whether they may change what they are shown. */
  readonly isEditable?: boolean;
  asking?<T>(answer: Promise<T>): Promise<T>;
}

/** A context under guardrails. */
export interface WithGuard {
  readonly guard: RunGuard;
  /** Tells what was found, once under a key. */
  tell(key: string, findings: readonly Finding[]): void;
  /** Asks models within a step, or, without an attempt of one, in a step of its own. */
  look(key: string, value: unknown, where: CheckedAt, attempt: Attempt | null): Promise<Looked>;
  /** Counts what models have cost that were asked within the step `key`. */
  settle(key: string, verdicts: readonly Verdict[]): void;
  /** Waits for people: what they leave of what they are shown, or the message of the rule that blocks it. */
  decide(
    asked: AskedValue,
  ): Promise<{ readonly left: Readonly<Record<string, unknown>> } | { readonly blocked: string }>;
  /** What of a model's words waits for a person is decided, outside of its step. */
  answered<T>(key: string, result: T): Promise<T>;
  /** What a user says while the run answers. @throws GUARDRAIL_BLOCKED. */
  admit(key: string, said: unknown): Promise<void>;
}

/** The context as one under guardrails, null when none hold. */
export function guardOf(context: RunContext<Ports>): WithGuard | null {
  return "guard" in context ? (context as unknown as WithGuard) : null;
}

/** A call that a graph makes: what a model calls is checked where it says so. */
export async function checkedCall(
  context: RunContext<Ports>,
  key: string,
  call: ToolCall,
  asking: NonNullable<AskedValue["asking"]>,
): Promise<{ readonly call: ToolCall; readonly blocked: string | null }> {
  const under = guardOf(context);
  if (under === null) return { call, blocked: null };
  const given = JSON.parse(call.arguments) as Readonly<Record<string, unknown>>;
  const where = { on: "tool_arguments", at: call.name } as const;
  const { value, findings, blocked } = under.guard.check(given, where);
  if (findings.length > 0) under.tell(`arguments:${key}`, findings);
  if (blocked !== null) return { call: { ...call, arguments: "{}" }, blocked };
  const looked = await under.look(`arguments:${key}`, value, where, null);
  const { questions } = looked;
  const decided =
    looked.blocked !== null
      ? { blocked: looked.blocked }
      : questions.length === 0
        ? { left: value }
        : await under.decide({
            ...{ key: `arguments:${key}`, questions, shown: value, isEditable: true, asking },
            ...where,
          });
  if ("blocked" in decided) {
    return { call: { ...call, arguments: "{}" }, blocked: decided.blocked };
  }
  const { left } = decided;
  return {
    call: left === given ? call : { ...call, arguments: JSON.stringify(left) },
    blocked: null,
  };
}

/** A result that a step stores: what guardrails leave of it, and what was found. */
export interface GuardedResult {
  readonly checked: unknown;
  readonly findings: readonly Finding[];
  readonly verdicts?: readonly Verdict[];
  /** What a person has to decide before anybody reads it. */
  readonly asked?: CheckedAt & { readonly questions: readonly Question[] };
}

/** Checks a result, within the attempt of a step if there is one. */
export async function guardedResult(
  context: RunContext<Ports>,
  result: unknown,
  places: readonly CheckedAt[],
  step: { readonly key: string; readonly attempt: Attempt | null },
): Promise<GuardedResult> {
  const under = guardOf(context);
  if (under === null) return { checked: result, findings: [] };
  let left = result;
  const findings: Finding[] = [];
  const withheld = (message: string) => ({ error: { code: "GUARDRAIL_BLOCKED", message } });
  for (const where of places) {
    const { value, findings: found, blocked } = under.guard.check(left, where);
    findings.push(...found);
    left = value;
    if (blocked !== null) return { checked: withheld(blocked), findings };
  }
  const [where] = places;
  if (where === undefined) return { checked: left, findings };
  const looked = await under.look(`result:${step.key}`, left, where, step.attempt);
  const { questions, verdicts } = looked;
  // Without an attempt its own step has told and counted them.
  if (step.attempt !== null) findings.push(...looked.findings);
  return {
    checked: looked.blocked === null ? left : withheld(looked.blocked),
    findings,
    ...(step.attempt !== null && verdicts.length > 0 && { verdicts }),
    ...(looked.blocked === null && questions.length > 0 && { asked: { ...where, questions } }),
  };
}

/** What is read of a result that was checked: what was found is told, and people are asked. */
export async function openedResult(
  context: RunContext<Ports>,
  key: string,
  { checked, findings, verdicts = [], asked }: GuardedResult,
): Promise<unknown> {
  const under = guardOf(context);
  if (under === null) return checked;
  if (findings.length > 0) under.tell(`result:${key}`, findings);
  under.settle(key, verdicts);
  if (asked === undefined) return checked;
  const decided = await under.decide({
    ...asked,
    key: `result:${key}`,
    shown: { result: checked },
  });
  if ("left" in decided) return checked;
  return { error: { code: "GUARDRAIL_BLOCKED", message: decided.blocked } };
}
