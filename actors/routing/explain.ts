// Why a message is near a sub-agent: the keywords that hit, the words they share, and which of its
// texts is nearest, as data and in words. For dry runs and evaluations; a chat turn does not ask.

import type { SubAgent } from "../records/sub-agent.ts";
import { wordsOf } from "../text/words.ts";
import type { Decision } from "./decision.ts";
import { featuresOf } from "./features.ts";
import { type Features, keptFeaturesOf } from "./kept-features.ts";
import { type CompiledRouter, routeLimits } from "./router.ts";
import { listed, shown } from "./wording.ts";

/** What speaks for one sub-agent. */
export interface Explanation {
  /** Keywords of it that stand in the message, as their author wrote them. */
  readonly keywords: readonly string[];
  /** Words of the message that it shares. */
  readonly words: readonly string[];
  /** Its example, keyword or description most like the message; null when it has none like it. */
  readonly nearest: { readonly text: string; readonly similarity: number } | null;
}

/** The numbers of a decision in words: who has which share by what, and what was needed. */
export function inWords(
  decision: Decision,
  explanations: readonly Explanation[],
): readonly string[] {
  const { candidates, threshold, inScope, method, confidence } = decision;
  const shares = candidates.map(({ name, score }, at) => {
    const { keywords = [], words = [], nearest = null } = explanations[at] ?? {};
    const by = [
      ...(keywords.length === 0 ? [] : [listed(keywords)]),
      ...(words.length === 0 ? [] : [`words: ${words.join(", ")}`]),
      ...(nearest === null ? [] : [`nearest "${shown(nearest.text)}" (${nearest.similarity})`]),
    ];
    return `${shown(name)} has ${score}${by.length === 0 ? "" : ` by ${by.join("; ")}`}.`;
  });
  const verdict = confidence >= threshold && method !== "doubt" ? "which is enough" : "too little";
  return [
    `Stage ${method}: the choice has ${confidence} of the ${threshold} that is needed, ${verdict}.`,
    `That any sub-agent is meant has ${inScope}.`,
    ...shares,
  ];
}

const TEXTS_MAX = 300;
const SIMILARITY_MIN = 0.05;

/** Says of a sub-agent what it has in common with the message. */
export type Explainer = (subAgent: { readonly key: string }) => Explanation;

/** Explains a message, which is read once; empty for a sub-agent that is not active. */
export function explainer(router: CompiledRouter, message: string): Explainer {
  const words = wordsOf(message, routeLimits.words);
  const hits = router.keywords.find(words);
  const { matched } = router.semantic.affinity(words);
  const asked = vectorOf(message);
  return ({ key }) => {
    const owner = router.active.findIndex((subAgent) => subAgent.sub_agent_key === key);
    const subAgent = router.active[owner];
    if (subAgent === undefined) return { keywords: [], words: [], nearest: null };
    const own = hits.filter((hit) => hit.owner === owner);
    return {
      keywords: [...new Set(own.map(({ keyword }) => keyword))],
      words: [...new Set(matched[owner] ?? [])],
      nearest: nearestOf(subAgent, asked),
    };
  };
}

function nearestOf(subAgent: SubAgent, asked: Vector): Explanation["nearest"] {
  const { trigger, description } = subAgent;
  const texts = [
    ...(trigger?.examples ?? []),
    ...(trigger?.keywords ?? []),
    trigger?.description ?? "",
    description ?? "",
  ].slice(0, TEXTS_MAX);
  let nearest: string | undefined;
  let most = SIMILARITY_MIN;
  for (const text of texts) {
    const similarity = cosine(asked, keptFeaturesOf(text));
    if (similarity <= most) continue;
    nearest = text;
    most = similarity;
  }
  return nearest === undefined
    ? null
    : { text: nearest, similarity: Math.round(most * 1_000) / 1_000 };
}

/** The message: weight by feature, and the length of all. */
interface Vector {
  readonly weights: ReadonlyMap<number, number>;
  readonly length: number;
}

function vectorOf(text: string): Vector {
  const bag = featuresOf(text);
  const weights = new Map<number, number>();
  let squares = 0;
  for (let at = 0; at < bag.count; at += 1) {
    const weight = bag.weights[at] ?? 0;
    weights.set(bag.hashes[at] ?? 0, weight);
    squares += weight * weight;
  }
  return { weights, length: Math.sqrt(squares) };
}

function cosine(asked: Vector, { hashes, weights }: Features): number {
  let dot = 0;
  let squares = 0;
  for (let at = 0; at < hashes.length; at += 1) {
    const weight = weights[at] ?? 0;
    squares += weight * weight;
    dot += weight * (asked.weights.get(hashes[at] ?? 0) ?? 0);
  }
  return dot === 0 ? 0 : dot / (asked.length * Math.sqrt(squares));
}
