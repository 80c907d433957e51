// What a rule has found and a person decides about: the run waits, with the approvals that tools have.
// Only who may decide reads what it is about; declined, or decided by nobody in time, it is blocked.

import type { RunContext } from "../../runtime/actor.ts";
import { type Confirmed, confirm } from "../approvals/confirm.ts";
import type { Ports } from "../ports.ts";
import type { Finding, GuardPlace } from "../records/guardrail.ts";
import type { Chain, Rule } from "./chain.ts";
import type { Question } from "./late.ts";

type Arguments = Readonly<Record<string, unknown>>;

/** What is asked about. */
export interface Asked {
  /** Names it within the run; each question has a number behind it. */
  readonly key: string;
  readonly on: GuardPlace;
  readonly at?: string;
  readonly questions: readonly Question[];
  /** What people are shown: `{"text": ...}`, or the arguments of a call. */
  readonly shown: Arguments;
  /** JSON Schema of what they may make of it. Default: they may change nothing. */
  readonly editable?: Readonly<Record<string, unknown>>;
}

/** What was decided: what is left of it, or the rule that blocks it, with what is told of that. */
export type Answered =
  | { readonly rule: null; readonly left: Arguments }
  | { readonly rule: Rule; readonly finding: Finding };

/** Fits no arguments that somebody sends in place of those that stand. */
const UNCHANGED = { not: {}, description: "It is approved as it is, or not at all." } as const;
const declined = "declined by who was asked";

/** Asks about each question in order, outside of steps. */
export async function askPeople(
  context: RunContext<Ports>,
  chain: Chain,
  { key, on, at, questions, shown, editable }: Asked,
): Promise<Answered> {
  let left = shown;
  for (const [index, question] of questions.entries()) {
    const rule = chain.find(({ name, of }) => name === question.rule && of === question.of);
    if (rule === undefined) throw new Error(`No rule ${question.rule} of ${question.of}.`);
    const answer: Confirmed = await confirm(context, {
      key: `guard:${key}:${index + 1}`,
      ...{ agent: rule.of, tool: rule.name, arguments: left },
      reason: `Guardrail ${rule.name} (${on}${at === undefined ? "" : ` of ${at}`}): ${question.reason}.`,
      parameters: editable ?? UNCHANGED,
      // Viewers are told that it waits, by the finding, and never what it is about.
      show: false,
      ...(rule.quorum !== null && { quorum: rule.quorum }),
    });
    if (!answer.approved) {
      const { name, of } = rule;
      const base = { rule: name, of, on, count: 0, spans: [], ...(at !== undefined && { at }) };
      return { rule, finding: { ...base, action: "block", reason: declined } };
    }
    left = answer.arguments;
  }
  return { rule: null, left };
}
