// A chain of guardrails, compiled: the tenant's rules first, then those of who was asked, then those of who
// answers for it. Checking is pure and synchronous: the same text gives the same, whoever checks it again.

import { type Quorum, type QuorumInput, quorumOf } from "../records/approval.ts";
import type {
  Finding,
  GuardAction,
  GuardCheck,
  GuardPlace,
  Guardrail,
} from "../records/guardrail.ts";
import { guardrailLimits } from "../records/guardrail.ts";
import { type CompiledCheck, compileChecks } from "./check.ts";
import { type Placeholders, redacted } from "./placeholders.ts";
import type { Hit } from "./scanner.ts";

/** A rule, ready for use. */
export interface Rule {
  readonly name: string;
  readonly of: string;
  readonly on: ReadonlySet<GuardPlace>;
  readonly action: GuardAction;
  readonly check: GuardCheck["type"];
  readonly checks: readonly CompiledCheck[];
  readonly message: string;
  readonly hold: boolean;
  /** A model that judges; null: `checks` find all there is. */
  readonly judge: Judge | null;
  /** A model or a person is asked: it looks last, in a run (late.ts). */
  readonly isLate: boolean;
  /** Who has to agree, where a person is asked. */
  readonly quorum: Quorum | null;
}

/** A check by a model. */
export type Judge = Extract<GuardCheck, { readonly type: "judge" }>;

/** Rules in the order in which they look. */
export type Chain = readonly Rule[];

/** What the user reads in place of what was blocked, unless a rule says. */
export const BLOCKED_MESSAGE = "This was withheld by a guardrail.";

/** What checking a text gives. */
export interface Verdict {
  /** What is left of the text, redacted; of one that was blocked the text as it came. */
  readonly text: string;
  readonly findings: readonly Finding[];
  /** The rule that blocks it. */
  readonly blockedBy: Rule | null;
}

/** @param of id of whose rules they are, or "tenant". @throws Error for what cannot be compiled. */
export function compileChain(rules: readonly Guardrail[], of: string): Chain {
  return rules.map((rule, at) => ({
    name: rule.name ?? `${rule.check.type}-${at + 1}`,
    of,
    on: new Set(rule.on),
    action: rule.action,
    check: rule.check.type,
    checks: compileChecks(rule),
    message: rule.message ?? BLOCKED_MESSAGE,
    hold: rule.hold ?? false,
    judge: rule.check.type === "judge" ? rule.check : null,
    isLate: rule.check.type === "judge" || rule.action === "ask",
    quorum: rule.approvals === undefined ? null : quorumOf(rule.approvals as QuorumInput),
  }));
}

/** The rules that look at a place by themselves. */
export function rulesOn(chain: Chain, place: GuardPlace): Chain {
  return chain.filter(({ on, isLate }) => on.has(place) && !isLate);
}

/** The rules on a place that ask a model or a person. */
export function lateOn(chain: Chain, place: GuardPlace): Chain {
  return chain.filter(({ on, isLate }) => on.has(place) && isLate);
}

/** Rules as far as they look for something in a text, and do not judge the form of all of it. */
export function contentOf(chain: Chain): Chain {
  return chain.map((rule) => ({
    ...rule,
    checks: rule.checks.filter((check) => check.kind === "scanner" || !check.isOfAll),
  }));
}

/** Checks a whole text; the first rule that blocks it ends it. */
export function checkText(
  chain: Chain,
  text: string,
  where: { readonly on: GuardPlace; readonly placeholders: Placeholders; readonly at?: string },
): Verdict {
  let left = text;
  const findings: Finding[] = [];
  for (const rule of rulesOn(chain, where.on)) {
    for (const check of rule.checks) {
      const found = foundBy(check, left);
      if (found === null) continue;
      findings.push(findingOf(rule, found, where));
      if (rule.action === "block") return { text, findings, blockedBy: rule };
      if (rule.action === "redact") left = redacted(left, found.hits, where.placeholders);
    }
  }
  return { text: left, findings, blockedBy: null };
}

function foundBy(check: CompiledCheck, text: string) {
  if (check.kind === "whole") return check.find(text);
  const hits = check.scanner.scan(text, 0);
  return hits.length === 0 ? null : { reason: reasonFor(check.noun, hits), hits };
}

/** "personal data (2 EMAIL, 1 IBAN)". */
export function reasonFor(noun: string, hits: readonly Hit[]): string {
  const counts = new Map<string, number>();
  for (const { type } of hits) counts.set(type, (counts.get(type) ?? 0) + 1);
  return `${noun} (${[...counts].map(([type, count]) => `${count} ${type}`).join(", ")})`;
}

/** What is told of it: never the text. */
export function findingOf(
  { name, of, action }: Rule,
  { reason, hits }: { readonly reason: string; readonly hits: readonly Hit[] },
  { on, at }: { readonly on: GuardPlace; readonly at?: string },
): Finding {
  const spans = hits.slice(0, guardrailLimits.spans);
  return { rule: name, of, on, action, reason, count: hits.length, spans, ...(at && { at }) };
}
