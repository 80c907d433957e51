// What guardrails leave of facts before they are kept: a model's words, of which no viewer is shown any.

import type { Attempt, RunContext } from "../../runtime/actor.ts";
import { guardOf } from "../guard/guard-of.ts";
import type { Verdict } from "../guard/judging.ts";
import type { Ports } from "../ports.ts";
import type { Finding } from "../records/guardrail.ts";
import type { FoundFact } from "./extract.ts";

/** Facts with what was found in them, as a step stores it. */
export interface GuardedFacts {
  readonly facts: readonly FoundFact[];
  readonly guardrails?: readonly Finding[];
  readonly verdicts?: readonly Verdict[];
}

/** What is blocked is not kept; nor is what a person would be asked about: nobody waits for an answer. */
export async function guardedFacts(
  context: RunContext<Ports>,
  facts: readonly FoundFact[],
  attempt: Attempt,
): Promise<GuardedFacts> {
  const under = guardOf(context);
  if (under === null || facts.length === 0) return { facts };
  const where = { on: "output", at: "memory" } as const;
  const left: FoundFact[] = [];
  const guardrails: Finding[] = [];
  const verdicts: Verdict[] = [];
  for (const [at, fact] of facts.entries()) {
    const { value: text, findings, blocked } = under.guard.check(fact.text, where, true);
    guardrails.push(...findings);
    if (blocked !== null) continue;
    const looked = await under.look(`fact:${at + 1}`, text, where, attempt);
    guardrails.push(...looked.findings);
    verdicts.push(...looked.verdicts);
    if (looked.blocked === null && looked.questions.length === 0) left.push({ ...fact, text });
  }
  return {
    facts: left,
    ...(guardrails.length > 0 && { guardrails }),
    ...(verdicts.length > 0 && { verdicts }),
  };
}
