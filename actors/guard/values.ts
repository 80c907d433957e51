// Checks what is no text but holds texts: arguments of tools, their results, typed input.

import type { Finding, GuardPlace } from "../records/guardrail.ts";
import { type Chain, checkText, contentOf, type Rule, rulesOn } from "./chain.ts";
import type { CompiledCheck } from "./check.ts";
import type { Placeholders } from "./placeholders.ts";

/** Levels that are looked at; what is deeper is looked at as JSON. */
const DEPTH_MAX = 32;

/** What checking a value gives: the same value when nothing was redacted. */
export interface ValueVerdict<V> {
  readonly value: V;
  readonly findings: readonly Finding[];
  readonly blockedBy: Rule | null;
}

interface Where {
  readonly on: GuardPlace;
  readonly placeholders: Placeholders;
  readonly at?: string;
}

/**
 * Checks each text of a value, and each number as it is written: what is redacted in one stands in its place.
 * Rules that judge a whole text (length, allowed patterns) look at the JSON of all.
 */
export function checkValue<V>(chain: Chain, value: V, where: Where): ValueVerdict<V> {
  const rules = rulesOn(chain, where.on);
  if (rules.length === 0) return { value, findings: [], blockedBy: null };
  if (typeof value === "string") {
    const { text, findings, blockedBy } = checkText(rules, value, where);
    return { value: text as V, findings, blockedBy };
  }
  const walk: Walk = { where, rules: contentOf(rules), findings: [], blockedBy: null };
  const left = leaves(value, walk, 0) as V;
  if (walk.blockedBy !== null) return { value, findings: walk.findings, blockedBy: walk.blockedBy };
  const whole = rules.map(ofWhole);
  const verdict = checkText(whole, JSON.stringify(left) ?? "null", where);
  return {
    value: left,
    findings: [...merged(walk.findings), ...verdict.findings],
    blockedBy: verdict.blockedBy,
  };
}

interface Walk {
  readonly where: Where;
  readonly rules: Chain;
  readonly findings: Finding[];
  blockedBy: Rule | null;
}

const isOfAll = (check: CompiledCheck): boolean => check.kind === "whole" && check.isOfAll;

function ofWhole(rule: Rule): Rule {
  return { ...rule, checks: rule.checks.filter(isOfAll) };
}

function leaves(value: unknown, walk: Walk, depth: number): unknown {
  if (walk.blockedBy !== null) return value;
  if (typeof value === "string") return leaf(value, value, walk);
  if (typeof value === "number") return leaf(String(value), value, walk);
  if (typeof value !== "object" || value === null) return value;
  if (depth >= DEPTH_MAX) {
    const text = JSON.stringify(value);
    return leaf(text, value, walk);
  }
  if (Array.isArray(value)) {
    const list = value.map((one) => leaves(one, walk, depth + 1));
    return list.every((one, at) => one === value[at]) ? value : list;
  }
  const before = Object.entries(value);
  const after = before.map(
    ([name, one]) => [leaf(name, name, walk), leaves(one, walk, depth + 1)] as const,
  );
  const isSame = after.every(
    ([name, one], at) => name === before[at]?.[0] && one === before[at]?.[1],
  );
  return isSame ? value : Object.fromEntries(after);
}

/** `value` itself when its text stays as it is. */
function leaf<V>(text: string, value: V, walk: Walk): V | string {
  const verdict = checkText(walk.rules, text, walk.where);
  walk.findings.push(...verdict.findings);
  walk.blockedBy ??= verdict.blockedBy;
  return verdict.text === text ? value : verdict.text;
}

/** One finding a rule and reason: a list of a thousand texts makes no thousand findings. */
function merged(findings: readonly Finding[]): readonly Finding[] {
  const all = new Map<string, Finding>();
  for (const finding of findings) {
    const key = `${finding.of}/${finding.rule}/${finding.reason}`;
    const known = all.get(key);
    all.set(key, known === undefined ? finding : { ...known, count: known.count + finding.count });
  }
  return [...all.values()];
}
