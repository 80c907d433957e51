// Rules that ask somebody: a model judges, or a person decides. They look last, at what the others have
// left, and only within a run. Verdicts are found within a step and stored with it; people are asked after
// it, as they may take days.

import type { Finding, GuardPlace } from "../records/guardrail.ts";
import { type Chain, findingOf, lateOn, type Rule } from "./chain.ts";
import { JUDGE_THRESHOLD, type Judged, type Verdict } from "./judging.ts";
import { createPlaceholders } from "./placeholders.ts";
import { checkValue } from "./values.ts";

/** Asks the model of a rule. */
export type AskJudge = (rule: Rule, judged: Judged) => Promise<Verdict>;

/** A rule whose finding a person decides about, as it is stored with a step. */
export interface Question {
  readonly rule: string;
  readonly of: string;
  readonly reason: string;
}

/** What these rules say of a value. */
export interface LateVerdict {
  readonly findings: readonly Finding[];
  readonly blockedBy: Rule | null;
  readonly questions: readonly Question[];
  readonly verdicts: readonly Verdict[];
}

/** With nothing found. */
export const nothingLate: LateVerdict = {
  findings: [],
  blockedBy: null,
  questions: [],
  verdicts: [],
};

/** Looks at a text, or at a value as JSON. The first rule that blocks it ends it. */
export async function lookLate(
  chain: Chain,
  value: unknown,
  where: { readonly on: GuardPlace; readonly at?: string },
  ask: AskJudge,
): Promise<LateVerdict> {
  const findings: Finding[] = [];
  const questions: Question[] = [];
  const verdicts: Verdict[] = [];
  for (const rule of lateOn(chain, where.on)) {
    const found = await foundBy(rule, value, where, async (judged) => {
      const verdict = await ask(rule, judged);
      verdicts.push(verdict);
      return verdict;
    });
    if (found === null) continue;
    findings.push(found);
    if (rule.action === "block") return { findings, blockedBy: rule, questions, verdicts };
    const { name, of } = rule;
    if (rule.action === "ask") questions.push({ rule: name, of, reason: found.reason });
  }
  return { findings, blockedBy: null, questions, verdicts };
}

async function foundBy(
  rule: Rule,
  value: unknown,
  where: { readonly on: GuardPlace; readonly at?: string },
  ask: (judged: Judged) => Promise<Verdict>,
): Promise<Finding | null> {
  if (rule.judge === null) {
    const alone: Rule = { ...rule, isLate: false, action: "flag" };
    const placeholders = createPlaceholders();
    const [found] = checkValue([alone], value, { ...where, placeholders }).findings;
    return found === undefined ? null : { ...found, action: rule.action };
  }
  const { threshold = JUDGE_THRESHOLD, on_failure: onFailure = "find" } = rule.judge;
  const text = typeof value === "string" ? value : JSON.stringify(value);
  const { score, failure = "" } = await ask({ on: where.on, text });
  if (score === null) {
    if (onFailure === "pass") return null;
    return findingOf(rule, { reason: `could not be judged: ${failure}`, hits: [] }, where);
  }
  if (score < threshold) return null;
  const reason = `judged to be against the policy (${score.toFixed(2)})`;
  return findingOf(rule, { reason, hits: [] }, where);
}
