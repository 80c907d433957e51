// Routing a labelled file and grading it: a router from a training file, from an agent's records, or
// one a fold of the file itself, and the figures of its decisions. No model is asked.

import { newAgent, newSubAgent } from "../../actors/agent-change.ts";
import type { SubAgent } from "../../actors/records/sub-agent.ts";
import { compile } from "../../actors/routing/compile.ts";
import { type Explanation, explainer } from "../../actors/routing/explain.ts";
import { type CompiledRouter, route } from "../../actors/routing/router.ts";
import { snakeCase } from "../../actors/routing/wording.ts";
import {
  auroc,
  type Bin,
  calibrationError,
  macroF1,
  quantile,
  reliability,
} from "./eval-measures.ts";

/** A message and who should answer it: a label, or null for nobody. */
export interface Labelled {
  readonly text: string;
  readonly label: string | null;
}

/** A message after routing. */
export interface Outcome extends Labelled {
  /** Label of the best candidate, whatever its share; null when there was none. */
  readonly best: string | null;
  readonly score: number;
  /** Probability that anybody is meant, as the decision says. */
  readonly inScope: number;
  /** Whether the decision stands without a model. */
  readonly isClear: boolean;
  /** Label of whom the decision chose, null for the supervisor. */
  readonly chosen: string | null;
  readonly us: number;
}

/** Messages of one label that another took. */
export interface Collision {
  readonly wanted: string;
  readonly got: string;
  readonly count: number;
  readonly messages: readonly {
    readonly text: string;
    readonly score: number;
    readonly forGot: Explanation;
    readonly forWanted: Explanation;
  }[];
}

/** The figures of a routing evaluation; shares are 0..1, NaN where nothing can be said. */
export interface RoutingFigures {
  readonly messages: number;
  readonly inScope: number;
  readonly outOfScope: number;
  readonly threshold: number;
  /** Best candidate, nothing rejected. */
  readonly accuracy: number;
  readonly macroF1: number;
  /** Of what was decided without doubt, the share that was right. */
  readonly precisionAtThreshold: number;
  readonly outOfScopeRecall: number;
  readonly falseRejects: number;
  readonly auroc: number;
  /** Of all messages: one meant for nobody is never right. */
  readonly calibrationError: number;
  readonly calibrationErrorInScope: number;
  readonly bins: readonly Bin[];
  readonly modelShare: number;
  readonly p50Us: number;
  readonly p99Us: number;
}

/** Most collisions told, and messages of each. */
export const collisionLimits = { pairs: 20, messages: 3 } as const;

const AT = "1970-01-01T00:00:00Z";

/** A supervisor without settings. */
const supervisor = newAgent({ name: "Supervisor", agent_type: "supervisor" }, "ag_eval", AT).agent;

/** What a record file or a server says of a sub-agent. */
export type SubAgentFields = Pick<SubAgent, "name"> & Partial<SubAgent>;

/** A whole sub-agent record from what was given. */
export function subAgentOf(fields: SubAgentFields, at: number): SubAgent {
  const keys = { agent: "ag_eval", subAgent: `sa_${at}` };
  return { ...newSubAgent({ name: fields.name }, keys, AT).subAgent, ...fields };
}

/** A router, and which label each of its sub-agents stands for. */
export interface LabelledRouter {
  readonly router: CompiledRouter;
  labelOf(key: string): string;
}

/** A sub-agent a label: its name from the label, its examples from the messages. */
export function routerOfMessages(rows: readonly Labelled[]): LabelledRouter {
  const examples = new Map<string, string[]>();
  for (const { text, label } of rows) {
    if (label === null) continue;
    const own = examples.get(label);
    if (own === undefined) examples.set(label, [text]);
    else own.push(text);
  }
  const labels = [...examples.keys()];
  const subAgents = labels.map((label, at) =>
    subAgentOf({ name: label.replaceAll(/[_-]+/g, " "), trigger: trainedOn(examples, label) }, at),
  );
  const byKey = new Map(subAgents.map(({ sub_agent_key: key }, at) => [key, labels[at] ?? ""]));
  return { router: compile(supervisor, subAgents), labelOf: (key) => byKey.get(key) ?? key };
}

function trainedOn(examples: ReadonlyMap<string, string[]>, label: string): SubAgent["trigger"] {
  return { examples: examples.get(label) ?? [] };
}

/** A router of an agent's records; a label is a sub-agent's key, its name, or that in snake_case. */
export function routerOfRecords(
  subAgents: readonly SubAgent[],
  labels: ReadonlySet<string>,
): LabelledRouter {
  const labelOf = (key: string): string => {
    const name = subAgents.find((one) => one.sub_agent_key === key)?.name ?? key;
    return [key, name, snakeCase(name)].find((form) => labels.has(form)) ?? name;
  };
  return { router: compile(supervisor, subAgents), labelOf };
}

/** Routes every message. */
export function routed(rows: readonly Labelled[], { router, labelOf }: LabelledRouter): Outcome[] {
  return rows.map((row) => {
    const begun = performance.now();
    const decision = route(router, { message: row.text });
    const us = (performance.now() - begun) * 1_000;
    const [best] = decision.candidates;
    return {
      ...row,
      us,
      best: best === undefined ? null : labelOf(best.key),
      score: best?.score ?? 0,
      inScope: decision.inScope,
      isClear: decision.method !== "doubt" && decision.choice !== null,
      chosen: decision.choice === null ? null : labelOf(decision.choice),
    };
  });
}

/** Folds of the rows, each with the same share of every label, in the order of the file. */
export function foldsOf(
  rows: readonly Labelled[],
  folds: number,
): { train: Labelled[]; test: Labelled[] }[] {
  const seen = new Map<string | null, number>();
  const foldOf = rows.map(({ label }) => {
    const at = seen.get(label) ?? 0;
    seen.set(label, at + 1);
    return at % folds;
  });
  return Array.from({ length: folds }, (_, fold) => ({
    train: rows.filter((_row, at) => foldOf[at] !== fold),
    test: rows.filter((_row, at) => foldOf[at] === fold),
  }));
}

/** The figures of routed messages. */
export function figuresOf(outcomes: readonly Outcome[], threshold: number): RoutingFigures {
  const inside = outcomes.filter(({ label }) => label !== null);
  const outside = outcomes.filter(({ label }) => label === null);
  const isRight = ({ best, label }: Outcome): boolean => label !== null && best === label;
  const graded = (some: readonly Outcome[]) =>
    some.map((one) => ({ probability: one.score, isRight: isRight(one) }));
  const clear = outcomes.filter((one) => one.isClear);
  const share = (part: number, all: number): number => (all === 0 ? Number.NaN : part / all);
  const scores = (some: readonly Outcome[]): number[] => some.map(({ inScope }) => inScope);
  return {
    messages: outcomes.length,
    inScope: inside.length,
    outOfScope: outside.length,
    threshold,
    accuracy: share(inside.filter(isRight).length, inside.length),
    macroF1: macroF1(inside.map(({ label, best }) => ({ wanted: label ?? "", got: best }))),
    precisionAtThreshold: share(
      clear.filter(({ chosen, label }) => chosen === label).length,
      clear.length,
    ),
    outOfScopeRecall: share(outside.filter((one) => !one.isClear).length, outside.length),
    falseRejects: share(inside.filter((one) => !one.isClear).length, inside.length),
    auroc: auroc(scores(inside), scores(outside)),
    calibrationError: calibrationError(graded(outcomes)),
    calibrationErrorInScope: calibrationError(graded(inside)),
    bins: reliability(graded(outcomes)),
    modelShare: share(outcomes.filter((one) => !one.isClear).length, outcomes.length),
    p50Us: quantile(
      outcomes.map(({ us }) => us),
      0.5,
    ),
    p99Us: quantile(
      outcomes.map(({ us }) => us),
      0.99,
    ),
  };
}

/** Which labels take each other's messages, the most frequent first, and by what. */
export function collisionsOf(
  outcomes: readonly Outcome[],
  { router, labelOf }: LabelledRouter,
): Collision[] {
  const groups = new Map<string, Outcome[]>();
  for (const outcome of outcomes) {
    const { label, best, isClear } = outcome;
    if (best === null || best === label || (label === null && !isClear)) continue;
    const key = JSON.stringify([label ?? "(nobody)", best]);
    groups.set(key, [...(groups.get(key) ?? []), outcome]);
  }
  const keys = new Map(router.active.map((one) => [labelOf(one.sub_agent_key), one.sub_agent_key]));
  const told = [...groups.values()].sort((a, b) => b.length - a.length);
  return told.slice(0, collisionLimits.pairs).map((group) => {
    const [first] = group;
    const wanted = first?.label ?? "(nobody)";
    const got = first?.best ?? "";
    const surest = [...group].sort((a, b) => b.score - a.score);
    const messages = surest.slice(0, collisionLimits.messages).map(({ text, score }) => {
      const explain = explainer(router, text);
      const forGot = explain({ key: keys.get(got) ?? "" });
      const forWanted = explain({ key: keys.get(wanted) ?? "" });
      return { text, score, forGot, forWanted };
    });
    return { wanted, got, count: group.length, messages };
  });
}
