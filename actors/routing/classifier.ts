// The trained part of the router: what to train on, and the probabilities of a message by trained
// weights. Training itself is in training.ts and may have run on another thread.

import type { SubAgent } from "../records/sub-agent.ts";
import { type Word, wordsOf } from "../text/words.ts";
import { insideOf, probabilityOf } from "./calibration.ts";
import { featureLimits, featuresOf } from "./features.ts";
import type { TrainingText } from "./samples.ts";
import { saysLittle } from "./semantic.ts";
import { sharpness, type TrainingInput, trainingLimits, type Weights } from "./training.ts";

/** What the trained weights say of a text. */
export interface Classified {
  /** Probability by sub-agent, the best one's calibrated; 0 for one without texts. */
  readonly shares: Float64Array;
  /** Calibrated probability that any of them is meant. */
  readonly inside: number;
}

/** Compares texts with what it was trained on. */
export interface Classifier {
  /** @param words the words of the text, where they are known already. */
  classify(text: string, words?: readonly Word[]): Classified;
}

/** Limits of what is trained on. */
export const classifierLimits = {
  /** Fewer texts in all, or sub-agents with examples, and there is nothing to learn. */
  textsMin: 6,
  ownersMin: 2,
  /** Examples that are read of one sub-agent. */
  examplesPerOwner: 200,
  /** Keywords that are read of one sub-agent. */
  keywordsPerOwner: 50,
} as const;

/**
 * The texts to train on; undefined when there are too few. One step a sub-agent. Of more than can be
 * trained on, those who have most lose their last ones: nobody is left without any.
 */
export function* trainingInputSteps(
  subAgents: readonly SubAgent[],
): Generator<undefined, TrainingInput | undefined> {
  const all: string[][] = [];
  for (const subAgent of subAgents) {
    all.push(textsOf(subAgent));
    yield;
  }
  const most = mostEach(all, trainingLimits.texts);
  const texts: TrainingText[] = [];
  for (const [owner, own] of all.entries()) {
    for (const text of own.slice(0, most)) texts.push({ text, owner });
  }
  const owners = all.filter((own) => own.length > 0).length;
  const isEnough =
    owners >= classifierLimits.ownersMin && texts.length >= classifierLimits.textsMin;
  return isEnough ? { owners: subAgents.length, texts } : undefined;
}

/** The same at once. */
export function trainingInputOf(subAgents: readonly SubAgent[]): TrainingInput | undefined {
  const steps = trainingInputSteps(subAgents);
  let step = steps.next();
  while (step.done !== true) step = steps.next();
  return step.value;
}

/** The most texts of each with which all together are at most `room`. */
function mostEach(all: readonly (readonly string[])[], room: number): number {
  const counts = all.map((own) => own.length).sort((a, b) => a - b);
  let left = room;
  for (const [at, count] of counts.entries()) {
    const share = Math.floor(left / (counts.length - at));
    if (count > share) return Math.max(1, share);
    left -= count;
  }
  return Infinity;
}

function textsOf({ name, description, trigger }: SubAgent): string[] {
  const examples = (trigger?.examples ?? []).slice(0, classifierLimits.examplesPerOwner);
  const keywords = (trigger?.keywords ?? []).slice(0, classifierLimits.keywordsPerOwner);
  const about = [trigger?.description ?? "", description ?? ""].map(contentOf);
  // Without examples each keyword is one; the name always is: people name a topic by its words.
  const texts =
    examples.length > 0 ? [...examples, name, keywords.join(" ")] : [name, ...keywords, ...about];
  return texts.filter((text) => text.trim() !== "");
}

/** Without the words that every description is written with: nobody is meant by "asks about". */
function contentOf(text: string): string {
  const words = wordsOf(text, featureLimits.words);
  return words
    .filter(({ text: word, dense }) => dense || !saysLittle(word))
    .map(({ text: word }) => word)
    .join(" ");
}

/** The classifier of trained weights. */
export function classifierOf(weights: Weights): Classifier {
  return {
    classify(text, words) {
      const { scores, known } = scoresOf(text, weights, words);
      return classified(scores, known, weights.sizes);
    },
  };
}

/** Scores of a text by sub-agent, and which part of its squared length the trained texts have too. */
export function scoresOf(
  text: string,
  weights: Weights,
  words?: readonly Word[],
): { readonly scores: Float64Array; readonly known: number } {
  const scores = new Float64Array(weights.owners);
  const { table, rowAt, partAt, rarity, unknownRarity, starts, columns, values, biases } = weights;
  const mask = table.length - 1;
  const bag = featuresOf(text, words);
  let norm = 0;
  let known = 0;
  let length = 0;
  for (let at = 0; at < bag.count; at += 1) {
    const hash = bag.hashes[at] ?? 0;
    let slot = hash & mask;
    while (table[slot] !== 0 && table[slot] !== hash) slot = (slot + 1) & mask;
    const isKnown = table[slot] === hash;
    const row = rowAt[slot] ?? 0;
    const weight = (bag.weights[at] ?? 0) * (isKnown ? (rarity[row] ?? 0) : unknownRarity);
    // What no text has takes its part of the length: a message of strange words is near nobody.
    norm += weight * weight;
    if (!isKnown) continue;
    known += weight * weight;
    length += weight;
    const value = weight * (partAt[slot] ?? 0);
    const end = starts[row + 1] ?? 0;
    for (let place = starts[row] ?? 0; place < end; place += 1) {
      const owner = columns[place] ?? 0;
      scores[owner] = (scores[owner] ?? 0) + value * (values[place] ?? 0);
    }
  }
  const scale = 1 / Math.sqrt(norm || 1);
  for (let owner = 0; owner < scores.length; owner += 1) {
    scores[owner] = ((scores[owner] ?? 0) + length * (biases[owner] ?? 0)) * scale;
  }
  return { scores, known: known / (norm || 1) };
}

/**
 * Softmax over the sub-agents with texts, scaled so that the best has its calibrated probability and
 * what is missing to 1 is "nobody".
 */
function classified(scores: Float64Array, known: number, sizes: Int32Array): Classified {
  let best = -1;
  let second = -1;
  let choices = 0;
  for (let owner = 0; owner < scores.length; owner += 1) {
    if ((sizes[owner] ?? 0) === 0) continue;
    choices += 1;
    if (best < 0 || (scores[owner] ?? 0) > (scores[best] ?? 0)) {
      second = best;
      best = owner;
    } else if (second < 0 || (scores[owner] ?? 0) > (scores[second] ?? 0)) second = owner;
  }
  const score = scores[best] ?? 0;
  let sum = 0;
  const shares = scores.map((value, owner) => {
    if ((sizes[owner] ?? 0) === 0) return 0;
    const weight = Math.exp((value - score) * sharpness);
    sum += weight;
    return weight;
  });
  for (let owner = 0; owner < shares.length; owner += 1) shares[owner] = (shares[owner] ?? 0) / sum;
  const share = 1 / sum;
  const lead = score - (scores[second] ?? 0);
  const evidence = { score, lead, share, known, choices };
  const probability = probabilityOf(evidence);
  const inside = insideOf(evidence);
  const rest = share < 1 ? Math.min(probability / share, (inside - probability) / (1 - share)) : 0;
  return {
    shares: shares.map((value, owner) => (owner === best ? probability : value * rest)),
    inside,
  };
}
