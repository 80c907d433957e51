// Why a message is near a sub-agent: the keywords that hit, the words they share, and which of its
// texts is nearest, as data and in words. For dry runs and evaluations; a chat turn does not ask.

import type { SubAgent } from "../records/sub-agent.ts";
import { wordsOf } from "../text/words.ts";
import type { Decision } from "./decision.ts";
import { featuresOf } from "./features.ts";
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

/** Explains what `key` has in common with a message; empty for a sub-agent that is not active. */
export function explain(router: CompiledRouter, message: string, key: string): Explanation {
  const owner = router.active.findIndex((subAgent) => subAgent.sub_agent_key === key);
  const subAgent = router.active[owner];
  if (subAgent === undefined) return { keywords: [], words: [], nearest: null };
  const words = wordsOf(message, routeLimits.words);
  const hits = router.keywords.find(words).filter((hit) => hit.owner === owner);
  return {
    keywords: [...new Set(hits.map(({ keyword }) => keyword))],
    words: [...new Set(router.semantic.affinity(words).matched[owner] ?? [])],
    nearest: nearestOf(subAgent, message),
  };
}

function nearestOf(subAgent: SubAgent, message: string): Explanation["nearest"] {
  const { trigger, description } = subAgent;
  const texts = [
    ...(trigger?.examples ?? []),
    ...(trigger?.keywords ?? []),
    trigger?.description ?? "",
    description ?? "",
  ].slice(0, TEXTS_MAX);
  const asked = vectorOf(message);
  let nearest: Explanation["nearest"] = null;
  for (const text of texts) {
    const similarity = cosine(asked, vectorOf(text));
    if (similarity > (nearest?.similarity ?? SIMILARITY_MIN)) nearest = { text, similarity };
  }
  return nearest === null
    ? null
    : { text: nearest.text, similarity: Math.round(nearest.similarity * 1_000) / 1_000 };
}

function vectorOf(text: string): Map<number, number> {
  const bag = featuresOf(text);
  const vector = new Map<number, number>();
  for (let at = 0; at < bag.count; at += 1) {
    vector.set(bag.hashes[at] ?? 0, bag.weights[at] ?? 0);
  }
  return vector;
}

function cosine(a: ReadonlyMap<number, number>, b: ReadonlyMap<number, number>): number {
  let dot = 0;
  let aa = 0;
  let bb = 0;
  for (const [feature, weight] of a) {
    aa += weight * weight;
    dot += weight * (b.get(feature) ?? 0);
  }
  for (const weight of b.values()) bb += weight * weight;
  return aa === 0 || bb === 0 ? 0 : dot / Math.sqrt(aa * bb);
}
