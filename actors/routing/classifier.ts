// A linear classifier over the examples of the triggers, for supervisors that have them. Features are
// words, pairs of words and character n-grams weighted by rarity; one weight vector a sub-agent is
// trained by a few passes of a multi-class margin perceptron started at the class centroids, so that
// training 150 sub-agents stays in the tens of milliseconds.

import type { SubAgent } from "../records/sub-agent.ts";
import { stem } from "../text/stem.ts";
import { isStopWord } from "../text/stop-words.ts";
import { hashText } from "../text/vector.ts";
import { wordsOf } from "../text/words.ts";

/** Share of a sub-agent that has no examples: the classifier says nothing about it. */
export const UNTRAINED = -1;

/** Shares of probability of a text, by sub-agent. */
export interface Classifier {
  classify(text: string): Float64Array;
}

/** Limits of training. */
export const classifierLimits = {
  /** Fewer examples in all, or sub-agents with examples, and there is nothing to learn. */
  examplesMin: 6,
  ownersMin: 2,
  /** Examples that are read: of one sub-agent and of all. */
  examplesPerOwner: 200,
  examples: 6_000,
  textWords: 120,
} as const;

/** Constants found on the validation parts of public intent sets. */
export const training = {
  buckets: 1 << 15,
  passes: 5,
  rate: 0.15,
  margin: 0.35,
  temperature: 9,
  /** Score at which a message belongs to nobody. */
  nobody: 0.2,
  /** Part of the trained shares beside those of likeness. */
  blend: 0.95,
  pairWeight: 0.7,
  gramWeight: 0.9,
  stopWeight: 0.6,
};

interface Sparse {
  readonly at: Int32Array;
  readonly value: Float32Array;
}

/** Trains on the sub-agents' examples; undefined when there are too few. */
export function trainClassifier(subAgents: readonly SubAgent[]): Classifier | undefined {
  const texts: string[] = [];
  const owners: number[] = [];
  let withExamples = 0;
  for (const [owner, subAgent] of subAgents.entries()) {
    const examples = (subAgent.trigger?.examples ?? []).slice(0, classifierLimits.examplesPerOwner);
    if (examples.length > 0) withExamples += 1;
    // The name is one more example where there are some: people name a topic by its words.
    for (const text of examples.length > 0 ? [...examples, subAgent.name] : []) {
      if (texts.length >= classifierLimits.examples) break;
      texts.push(text);
      owners.push(owner);
    }
  }
  const isEnough =
    withExamples >= classifierLimits.ownersMin && texts.length >= classifierLimits.examplesMin;
  return isEnough ? train(texts, owners, subAgents.length) : undefined;
}

function train(texts: readonly string[], owners: readonly number[], count: number): Classifier {
  const raw = texts.map(featuresOf);
  const idf = rarityOf(raw);
  const samples = raw.map((features) => weighted(features, idf));
  // Row of a feature: one weight for each sub-agent, side by side.
  const rows = new Map<number, Float32Array>();
  const rowOf = (feature: number): Float32Array => {
    let row = rows.get(feature);
    if (row === undefined) {
      row = new Float32Array(count);
      rows.set(feature, row);
    }
    return row;
  };
  const sizes = new Float64Array(count);
  for (const owner of owners) sizes[owner] = (sizes[owner] ?? 0) + 1;
  for (const [n, sample] of samples.entries()) {
    const owner = owners[n] ?? 0;
    addTo(sample, owner, 1 / (sizes[owner] ?? 1), rowOf);
  }
  const scores = new Float64Array(count);
  for (let pass = 0; pass < training.passes; pass += 1) {
    const rate = training.rate / (1 + pass);
    for (let step = 0; step < samples.length; step += 1) {
      // A fixed stride that visits all: examples of one sub-agent lie side by side.
      const n = (step * 7_919 + pass) % samples.length;
      const sample = samples[n];
      const owner = owners[n] ?? 0;
      if (sample === undefined) continue;
      score(sample, rows, scores);
      const rival = best(scores, owner);
      if ((scores[owner] ?? 0) - (scores[rival] ?? 0) >= training.margin) continue;
      addTo(sample, owner, rate, rowOf);
      addTo(sample, rival, -rate, rowOf);
    }
  }
  return {
    classify(text) {
      const sample = weighted(featuresOf(text), idf);
      const into = new Float64Array(count);
      score(sample, rows, into);
      return shares(into, sizes);
    },
  };
}

/** Counts of hashed features. */
function featuresOf(text: string): Map<number, number> {
  const counts = new Map<number, number>();
  const add = (feature: string, weight: number): void => {
    const at = hashText(feature, 7) & (training.buckets - 1);
    counts.set(at, Math.max(counts.get(at) ?? 0, weight));
  };
  let before = "^";
  for (const { text: word, dense } of wordsOf(text, classifierLimits.textWords)) {
    const base = dense ? word : stem(word);
    const weight = isStopWord(word) ? training.stopWeight : 1;
    add(`w${base}`, weight);
    add(`p${before} ${base}`, training.pairWeight);
    before = base;
    if (dense) continue;
    const framed = `<${word.slice(0, 30)}>`;
    for (let size = 3; size <= 5; size += 1) {
      for (let at = 0; at + size <= framed.length; at += 1) {
        add(
          `g${framed.slice(at, at + size)}`,
          (weight * training.gramWeight) / Math.sqrt(framed.length),
        );
      }
    }
  }
  return counts;
}

function rarityOf(samples: readonly Map<number, number>[]): Map<number, number> {
  const counts = new Map<number, number>();
  for (const sample of samples) {
    for (const feature of sample.keys()) counts.set(feature, (counts.get(feature) ?? 0) + 1);
  }
  const idf = new Map<number, number>();
  for (const [feature, count] of counts) idf.set(feature, Math.log(1 + samples.length / count));
  return idf;
}

/** Unit length; a feature that no example has keeps the share of length that it took. */
function weighted(features: Map<number, number>, idf: Map<number, number>): Sparse {
  const known = [...features].filter(([feature]) => idf.has(feature));
  const at = new Int32Array(known.length);
  const value = new Float32Array(known.length);
  let norm = 0;
  const unknown = Math.log(2);
  for (const [feature, weight] of features) {
    norm += (weight * (idf.get(feature) ?? unknown)) ** 2;
  }
  const scale = 1 / Math.sqrt(norm || 1);
  for (const [place, [feature, weight]] of known.entries()) {
    at[place] = feature;
    value[place] = weight * (idf.get(feature) ?? 0) * scale;
  }
  return { at, value };
}

function addTo(
  sample: Sparse,
  owner: number,
  factor: number,
  rowOf: (feature: number) => Float32Array,
): void {
  for (let place = 0; place < sample.at.length; place += 1) {
    const row = rowOf(sample.at[place] ?? 0);
    row[owner] = (row[owner] ?? 0) + factor * (sample.value[place] ?? 0);
  }
}

function score(sample: Sparse, rows: ReadonlyMap<number, Float32Array>, into: Float64Array): void {
  into.fill(0);
  for (let place = 0; place < sample.at.length; place += 1) {
    const row = rows.get(sample.at[place] ?? 0);
    const value = sample.value[place] ?? 0;
    if (row === undefined) continue;
    for (let owner = 0; owner < row.length; owner += 1) {
      into[owner] = (into[owner] ?? 0) + value * (row[owner] ?? 0);
    }
  }
}

function best(scores: Float64Array, except: number): number {
  let at = except === 0 ? 1 : 0;
  for (let owner = 0; owner < scores.length; owner += 1) {
    if (owner !== except && (scores[owner] ?? 0) > (scores[at] ?? 0)) at = owner;
  }
  return at;
}

/** Softmax over the sub-agents with examples and "nobody". */
function shares(scores: Float64Array, sizes: Float64Array): Float64Array {
  let most = -Infinity;
  for (const [owner, value] of scores.entries()) {
    if ((sizes[owner] ?? 0) > 0) most = Math.max(most, value);
  }
  let sum = Math.exp((training.nobody - most) * training.temperature);
  const made = scores.map((value, owner) => {
    if ((sizes[owner] ?? 0) === 0) return UNTRAINED;
    const weight = Math.exp((value - most) * training.temperature);
    sum += weight;
    return weight;
  });
  return made.map((value) => (value === UNTRAINED ? UNTRAINED : value / sum));
}
