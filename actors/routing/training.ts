// Training of the router's classifier: a log-linear mix of two models that are both linear, and so
// are one matrix in the end. Multinomial logistic regression, started at the centroids of the
// sub-agents and pushed only against the rivals of each text, finds what parts them; naive Bayes,
// which only counts, holds where examples are few. Who pushes whom is known before the first step,
// so that only those cells of the matrix exist, and they fit into a processor's cache. Pure and
// deterministic: the same texts give the same weights, bit for bit, whatever was trained before.
// Plain typed arrays, so that the compute pool can send them.

import { addMeans, type Cells, cellsOf, type Near, type PackedRows, packed } from "./cells.ts";
import { type Means, meansOf, type Places, placesOf } from "./means.ts";
import {
  type FeatureIndex,
  rarityOf,
  type Samples,
  samplesOf,
  type TrainingText,
} from "./samples.ts";

/** What is trained: texts of `owners` sub-agents. */
export interface TrainingInput {
  readonly owners: number;
  readonly texts: readonly TrainingText[];
}

/** Trained weights: a row a feature, in `columns` the sub-agents that it speaks for or against. */
export interface Weights extends FeatureIndex, PackedRows {
  readonly owners: number;
  /** Rarity of a feature that no text has. */
  readonly unknownRarity: number;
  /** By sub-agent, for each unit of the absolute length of a message's known features. */
  readonly biases: Float32Array;
  /** Texts of each sub-agent. */
  readonly sizes: Int32Array;
}

/** Limits of training. */
export const trainingLimits = {
  texts: 6_000,
  owners: 1_000,
  /** Rows of features that several texts have; rare ones go first. */
  rows: 100_000,
} as const;

/** Constants found by cross-validation over four public sets at once. */
const TRAINING = {
  passes: 3,
  rate: 0.4,
  decay: 0.3,
  /** Sharpness of the softmax. */
  sharpness: 10,
  /** Sub-agents a text is pushed against: those nearest to it at the start. */
  rivals: 8,
  /** They are found by what at most this part of the sub-agents have, or so many where there are few. */
  sharers: 0.5,
  sharersMin: 16,
  /** Gradients below it are not worth a step. */
  gradientMin: 0.02,
  /** A text whose owner has this share is not looked at again. */
  settled: 0.9,
  /** A prime that no number of texts divides: steps of it visit every text. */
  stride: 7_919,
} as const;

/** Naive Bayes: its weight beside the regression, and what is added to each count. */
const BAYES = { weight: 0.05, added: 0.05 } as const;

/** Softmax sharpness at which the scores of these weights are to be read. */
export const sharpness = TRAINING.sharpness;

/** Trains; texts past the limit are left out. */
export function trainWeights({ owners, texts }: TrainingInput): Weights {
  const taken = texts.slice(0, trainingLimits.texts);
  const samples = samplesOf(taken, trainingLimits.rows);
  const sizes = new Int32Array(owners);
  for (const { owner } of taken) sizes[owner] = (sizes[owner] ?? 0) + 1;
  const places = placesOf(samples);
  const means = meansOf(samples, places, sizes);
  const near = nearOf(samples, means, sizes);
  const cells = cellsOf(samples, places, near, owners);
  addMeans(cells, means, (mean) => mean);
  descend(samples, near, cells);
  addBayes(cells, samples, { means, typical: typicalSize(sizes) });
  return {
    ...samples.index,
    ...packed(cells, samples.rowCount),
    owners,
    unknownRarity: rarityOf(1, taken.length),
    biases: biasesOf(samples, places, sizes),
    sizes,
  };
}

function nearOf(samples: Samples, means: Means, sizes: Int32Array): Near {
  const count = samples.starts.length - 1;
  const width = TRAINING.rivals + 1;
  const owners = new Uint16Array(count * width);
  const counts = new Uint8Array(count);
  const scores = new Float64Array(sizes.length);
  for (let n = 0; n < count; n += 1) {
    addScores(scores, n, samples, means);
    const found = nearest(scores, samples.owners[n] ?? 0, sizes);
    owners.set(found, n * width);
    counts[n] = found.length;
  }
  return { width, owners, counts };
}

/**
 * How near text n is to the mean of each sub-agent, instead of what stands in `scores`. By what few
 * of them have: what most have tells nobody apart, and is most of the work.
 */
function addScores(
  scores: Float64Array,
  n: number,
  { starts, rows, values }: Samples,
  means: Means,
): void {
  scores.fill(0);
  const most = Math.max(TRAINING.sharersMin, scores.length * TRAINING.sharers);
  const end = starts[n + 1] ?? 0;
  for (let at = starts[n] ?? 0; at < end; at += 1) {
    const row = rows[at] ?? 0;
    const value = values[at] ?? 0;
    const first = means.from[row] ?? 0;
    const last = means.from[row + 1] ?? 0;
    // What only its own sub-agent has brings no other nearer.
    if (last - first > most || last - first === 1) continue;
    for (let place = first; place < last; place += 1) {
      const owner = means.owners[place] ?? 0;
      scores[owner] = (scores[owner] ?? 0) + value * (means.values[place] ?? 0);
    }
  }
}

/** Stochastic gradient descent in a fixed order. */
function descend(samples: Samples, near: Near, cells: Cells): void {
  const count = samples.starts.length - 1;
  const shares = new Float64Array(near.width);
  const isSettled = new Uint8Array(count);
  for (let pass = 0; pass < TRAINING.passes; pass += 1) {
    const rate = TRAINING.rate / (1 + pass * TRAINING.decay);
    for (let step = 0; step < count; step += 1) {
      const n = (step * TRAINING.stride + pass) % count;
      if (isSettled[n] === 1) continue;
      const rivals = near.counts[n] ?? 0;
      for (let place = 0; place < rivals; place += 1) {
        shares[place] = productOf(samples, cells, n, place, near.width);
      }
      softmax(shares, rivals);
      isSettled[n] = (shares[0] ?? 0) > TRAINING.settled ? 1 : 0;
      for (let place = 0; place < rivals; place += 1) {
        const gradient = (place === 0 ? 1 : 0) - (shares[place] ?? 0);
        if (Math.abs(gradient) < TRAINING.gradientMin) continue;
        push(samples, cells, n, place, near.width, rate * gradient);
      }
    }
  }
}

/** The product of text n with the weights of the one who has this place among those near it. */
function productOf(
  { starts, values: lengths }: Samples,
  { ofTexts, values }: Cells,
  n: number,
  place: number,
  width: number,
): number {
  let product = 0;
  const to = starts[n + 1] ?? 0;
  for (let at = starts[n] ?? 0; at < to; at += 1) {
    product += (lengths[at] ?? 0) * (values[ofTexts[at * width + place] ?? 0] ?? 0);
  }
  return product;
}

/** Adds `factor` times text n to them. */
function push(
  { starts, values: lengths }: Samples,
  { ofTexts, values }: Cells,
  n: number,
  place: number,
  width: number,
  factor: number,
): void {
  const to = starts[n + 1] ?? 0;
  for (let at = starts[n] ?? 0; at < to; at += 1) {
    const cell = ofTexts[at * width + place] ?? 0;
    values[cell] = (values[cell] ?? 0) + factor * (lengths[at] ?? 0);
  }
}

/**
 * Naive Bayes: how much likelier than by chance a feature is in the texts of each that has it. A row
 * stands for all its features, taken as of one length.
 */
function addBayes(
  cells: Cells,
  { spread }: Samples,
  { means, typical }: { readonly means: Means; readonly typical: number },
): void {
  addMeans(cells, means, (mean, row) => {
    const parts = spread[row] || 1;
    return BAYES.weight * parts * Math.log1p((mean * typical) / parts / BAYES.added);
  });
}

/** Texts of a sub-agent on average: each counts as if it had so many, or the largest would win. */
function typicalSize(sizes: Int32Array): number {
  let texts = 0;
  let trained = 0;
  for (const size of sizes) {
    texts += size;
    if (size > 0) trained += 1;
  }
  return texts / Math.max(1, trained);
}

/**
 * The other half of naive Bayes: who has longer texts has each feature by chance too. What only one
 * text has is no chance, and counts as one feature.
 */
function biasesOf(
  { starts, rows, values, owners, spread, featureCount }: Samples,
  places: Places,
  sizes: Int32Array,
): Float32Array {
  const lengths = new Float64Array(sizes.length);
  for (let n = 0; n + 1 < starts.length; n += 1) {
    const owner = owners[n] ?? 0;
    for (let at = starts[n] ?? 0; at < (starts[n + 1] ?? 0); at += 1) {
      const row = rows[at] ?? 0;
      const texts = (places.from[row + 1] ?? 0) - (places.from[row] ?? 0);
      const length = (values[at] ?? 0) * (texts === 1 ? 1 : (spread[row] ?? 0));
      lengths[owner] = (lengths[owner] ?? 0) + length;
    }
  }
  const size = typicalSize(sizes);
  const biases = Float32Array.from(lengths, (length, owner) => {
    const typical = (length / (sizes[owner] || 1)) * size;
    return -BAYES.weight * Math.log(typical + BAYES.added * featureCount);
  });
  const mean = biases.reduce((sum, bias) => sum + bias, 0) / Math.max(1, biases.length);
  return biases.map((bias) => bias - mean);
}

/** `own`, then the highest scores of the others, at most `rivals` of them; the first of equals. */
function nearest(scores: Float64Array, own: number, sizes: Int32Array): Int32Array {
  const found = new Int32Array(TRAINING.rivals + 1);
  found[0] = own;
  let count = 1;
  for (let owner = 0; owner < scores.length; owner += 1) {
    const score = scores[owner] ?? 0;
    const isFull = count === found.length;
    if (owner === own || sizes[owner] === 0) continue;
    if (isFull && score <= (scores[found[count - 1] ?? 0] ?? 0)) continue;
    let place = isFull ? count - 1 : count;
    while (place > 1 && score > (scores[found[place - 1] ?? 0] ?? 0)) {
      found[place] = found[place - 1] ?? 0;
      place -= 1;
    }
    found[place] = owner;
    if (!isFull) count += 1;
  }
  return found.subarray(0, count);
}

function softmax(scores: Float64Array, count: number): void {
  let most = -Infinity;
  for (let place = 0; place < count; place += 1) most = Math.max(most, scores[place] ?? 0);
  let sum = 0;
  for (let place = 0; place < count; place += 1) {
    const share = Math.exp(((scores[place] ?? 0) - most) * TRAINING.sharpness);
    scores[place] = share;
    sum += share;
  }
  for (let place = 0; place < count; place += 1) scores[place] = (scores[place] ?? 0) / sum;
}
