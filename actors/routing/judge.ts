// One piece of a message against all sub-agents: the evidence of the trigger words and of
// similarity, added up into shares of probability, and which of the two decided.

import type { SubAgent } from "../records/sub-agent.ts";
import type { Word } from "../text/words.ts";
import type { Classifier } from "./classifier.ts";
import type { KeywordHit, KeywordIndex } from "./keyword.ts";
import type { SemanticIndex } from "./semantic.ts";

/** What a router is made of. */
export interface Indexes {
  readonly active: readonly SubAgent[];
  readonly keywords: KeywordIndex;
  readonly semantic: SemanticIndex;
  /** Trained on the triggers' examples, when there are enough. */
  readonly classifier?: Classifier;
}

/** The evidence for every sub-agent. */
export interface Judgement {
  /** Share of probability by sub-agent; what is missing to 1 is "nobody". */
  readonly shares: Float64Array;
  /** Index of the best one, -1 when nothing speaks for anybody. */
  readonly best: number;
  readonly confidence: number;
  /** Probability that any sub-agent is meant, 0..1. */
  readonly inScope: number;
  /** `inScope` is a calibrated probability: all have examples, and no keyword spoke. */
  readonly isCalibrated: boolean;
  readonly method: "keyword" | "semantic";
  /** Equal evidence that neither words nor priority could part. */
  readonly isTied: boolean;
  /** Equal evidence that priority parted. */
  readonly byPriority: boolean;
  /** Keywords that hit the best one, as written, and words that made it similar. */
  readonly keywords: readonly string[];
  readonly words: readonly string[];
  readonly contentWords: number;
}

/** A choice with less confidence is in doubt. */
export const threshold = 0.5;

/** Weights of the evidence, found on hand-written supervisors of three sub-agents. */
const EVIDENCE = {
  /** Evidence for "nobody", when a keyword hit and when none did. */
  nobodyHit: 0.08,
  nobody: 0.24,
  /** Part of similarity beside a hit of a content word. */
  besideHit: 0.5,
  /** From here a hit is a content word and not only "how to". */
  contentHit: 0.8,
  /** A follower this near the first one is its equal, where there is evidence at all. */
  tie: 0.87,
  tieMin: 0.05,
  /** Part of the trained probability in the share of a sub-agent with examples. */
  trained: 0.95,
  trainedBesideHit: 0.8,
  /** Evidence of the trained probability for one that has only keywords and descriptions. */
  learnt: 1.5,
  /** Probability that says nothing yet: messages for nobody have it too. */
  learntMin: 0.25,
  learntBelow: 0.15,
  /** Most that the keywords of one sub-agent add up to. */
  keywordsMax: 4,
} as const;

/** A piece of a message. */
export interface Piece {
  /** Without a greeting in front. */
  readonly words: readonly Word[];
  readonly text: string;
  /** All words of `text`, where they are known. */
  readonly all?: readonly Word[];
  /** Words of an earlier message, which count half. */
  readonly context?: readonly Word[];
}

/** Judges a piece of a message. */
export function judge(indexes: Indexes, { words, text, all, context }: Piece): Judgement {
  const owners = indexes.active.length;
  const hits = indexes.keywords.find(words);
  const byKeyword = keywordEvidence(hits, owners);
  const affinity = indexes.semantic.affinity(words);
  const earlier = context === undefined ? undefined : indexes.semantic.affinity(context);
  const hasContentHit = hits.some((hit) => hit.weight >= EVIDENCE.contentHit);
  const trained = indexes.classifier?.classify(text, all);
  const hasExamples = (owner: number): boolean =>
    (indexes.active[owner]?.trigger?.examples?.length ?? 0) > 0;
  const factor = hasContentHit ? EVIDENCE.besideHit : 1;
  const part = hasContentHit ? EVIDENCE.trainedBesideHit : EVIDENCE.trained;
  const totals = new Float64Array(owners);
  const nobody = hits.length > 0 ? EVIDENCE.nobodyHit : EVIDENCE.nobody;
  let sum: number = nobody;
  for (let owner = 0; owner < owners; owner += 1) {
    const similar = (affinity.scores[owner] ?? 0) + (earlier?.scores[owner] ?? 0) / 2;
    const learnt = hasExamples(owner) ? 0 : evidenceOf(trained?.shares[owner] ?? 0);
    const total = (byKeyword[owner] ?? 0) + factor * similar + learnt;
    totals[owner] = total;
    sum += total;
  }
  const shares = totals.map((total) => total / sum);
  if (trained !== undefined) {
    // Where there are examples they say more than single words do.
    for (let owner = 0; owner < owners; owner += 1) {
      if (!hasExamples(owner)) continue;
      shares[owner] = (1 - part) * (shares[owner] ?? 0) + part * (trained.shares[owner] ?? 0);
    }
  }
  const order = [...shares.keys()].sort((a, b) => (shares[b] ?? 0) - (shares[a] ?? 0));
  const first = order[0] ?? -1;
  const chosen = breakTie(indexes, shares, order, byKeyword);
  const best = (shares[first] ?? 0) > 0 ? chosen.owner : -1;
  const share = best < 0 ? 0 : (shares[best] ?? 0);
  const anybody = (sum - nobody) / sum;
  const isTrained = trained !== undefined && best >= 0 && hasExamples(best);
  const isCalibrated =
    isTrained && !hasContentHit && indexes.active.every((_, at) => hasExamples(at));
  // Single words that are near somebody say little about strangers; a keyword was chosen for it.
  const own = hasContentHit ? 1 - part : 0;
  const inScope = isTrained ? own * anybody + (1 - own) * trained.inside : anybody;
  return {
    shares,
    best,
    confidence: chosen.byPriority ? Math.max(share, threshold) : share,
    inScope: Math.max(share, inScope),
    isCalibrated,
    method: best >= 0 && (byKeyword[best] ?? 0) > 0 ? "keyword" : "semantic",
    isTied: chosen.isTied,
    byPriority: chosen.byPriority,
    keywords: hits.filter(({ owner }) => owner === best).map(({ keyword }) => keyword),
    words: affinity.matched[best] ?? [],
    contentWords: affinity.contentWords,
  };
}

/** Evidence of a trained probability: little below the floor, enough to put sub-agents in order. */
function evidenceOf(probability: number): number {
  const { learnt, learntMin, learntBelow } = EVIDENCE;
  return learntBelow * probability + learnt * Math.max(0, probability - learntMin);
}

/** Weights of the keywords that hit, by sub-agent; a keyword counts once however often it stands. */
function keywordEvidence(hits: readonly KeywordHit[], owners: number): Float64Array {
  const sums = new Float64Array(owners);
  const places = new Set<string>();
  const seen = new Set<string>();
  for (const { owner, keyword, start, weight } of hits) {
    // Several keywords of one sub-agent at one place ("invoice", "invoices") are one piece of evidence.
    const place = `${owner}/${start}`;
    const name = `${owner}/${keyword}`;
    if (places.has(place) || seen.has(name)) continue;
    places.add(place);
    seen.add(name);
    sums[owner] = Math.min(EVIDENCE.keywordsMax, (sums[owner] ?? 0) + weight);
  }
  return sums;
}

function breakTie(
  indexes: Indexes,
  shares: Float64Array,
  order: readonly number[],
  byKeyword: Float64Array,
): { owner: number; isTied: boolean; byPriority: boolean } {
  const first = order[0] ?? -1;
  const best = shares[first] ?? 0;
  const near = order.filter(
    (owner) => best >= EVIDENCE.tieMin && (shares[owner] ?? 0) >= best * EVIDENCE.tie,
  );
  if (near.length < 2) return { owner: first, isTied: false, byPriority: false };
  const rank = (owner: number): number => indexes.active[owner]?.priority ?? 0;
  const lowest = Math.min(...near.map(rank));
  const favoured = near.filter((owner) => rank(owner) === lowest);
  const owner = favoured[0] ?? first;
  // Priority parts equals that were named; likeness alone is too soft to be decided by it.
  const isNamed = (byKeyword[owner] ?? 0) > 0;
  const isParted = favoured.length === 1 && isNamed;
  return { owner, isTied: !isParted, byPriority: isParted };
}
