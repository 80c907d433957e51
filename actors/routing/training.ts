// Training of the router's classifier: a log-linear mix of two models that are both linear, and so
// are one matrix in the end. Multinomial logistic regression, started at the centroids of the
// sub-agents and pushed only against the rivals of each text, finds what parts them; naive Bayes,
// which only counts, holds where examples are few. 150 sub-agents take tens of milliseconds. Pure
// and deterministic: the same texts give the same weights, bit for bit, whatever was trained before.
// Plain typed arrays, so that the compute pool can send them.

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

/**
 * Trained weights: the rows of the features side by side (row r is the places starts[r] to
 * starts[r + 1] of `columns` and `values`).
 */
export interface Weights extends FeatureIndex {
  readonly owners: number;
  /** Rarity of a feature that no text has. */
  readonly unknownRarity: number;
  readonly starts: Int32Array;
  readonly columns: Uint16Array;
  readonly values: Float32Array;
  /** By sub-agent, for each unit of the absolute length of a message's known features. */
  readonly biases: Float32Array;
  /** Texts of each sub-agent. */
  readonly sizes: Int32Array;
}

/** Limits of training. */
export const trainingLimits = {
  texts: 6_000,
  owners: 1_000,
  /** Numbers of the dense matrix (4 bytes each) while training; rare features go first. */
  cells: 24_000_000,
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
  /** Gradients below it are not worth a step. */
  gradientMin: 0.02,
  /** A text whose owner has this share is not looked at again. */
  settled: 0.9,
  /** A prime that no number of texts divides: steps of it visit every text. */
  stride: 7_919,
  /** Weights below it are left out of the result. */
  valueMin: 2e-3,
} as const;

/** Naive Bayes: its weight beside the regression, and what is added to each count. */
const BAYES = { weight: 0.05, added: 0.05 } as const;

/** Softmax sharpness at which the scores of these weights are to be read. */
export const sharpness = TRAINING.sharpness;

/** Trains; texts past the limit are left out. */
export function trainWeights({ owners, texts }: TrainingInput): Weights {
  const taken = texts.slice(0, trainingLimits.texts);
  const samples = samplesOf(taken, Math.floor(trainingLimits.cells / Math.max(1, owners)));
  const sizes = new Int32Array(owners);
  for (const { owner } of taken) sizes[owner] = (sizes[owner] ?? 0) + 1;
  const means = meansOf(samples, sizes);
  const matrix = new Float32Array(samples.rowCount * owners);
  addCells(matrix, means, sizes, (mean) => mean);
  descend(samples, rivalsOf(samples, means, sizes), matrix, owners);
  addBayes(matrix, samples, means, sizes);
  return {
    ...samples.index,
    ...packed(matrix, samples.rowCount, owners),
    owners,
    unknownRarity: rarityOf(1, taken.length),
    biases: biasesOf(samples, sizes),
    sizes,
  };
}

/** The mean of each sub-agent's texts, by row: only of those that have it. */
interface Means {
  /** Row r is the places from[r] to to[r]. */
  readonly from: Int32Array;
  readonly to: Int32Array;
  readonly owners: Uint16Array;
  readonly values: Float32Array;
}

function meansOf(samples: Samples, sizes: Int32Array): Means {
  const { rowCount, rows, starts } = samples;
  const places = starts.at(-1) ?? 0;
  const from = new Int32Array(rowCount + 1);
  for (let at = 0; at < places; at += 1) {
    const row = (rows[at] ?? 0) + 1;
    from[row] = (from[row] ?? 0) + 1;
  }
  for (let row = 0; row < rowCount; row += 1)
    from[row + 1] = (from[row + 1] ?? 0) + (from[row] ?? 0);
  const to = from.slice(0, rowCount);
  const owners = new Uint16Array(places);
  const values = new Float32Array(places);
  for (let n = 0; n + 1 < starts.length; n += 1) {
    const owner = samples.owners[n] ?? 0;
    for (let at = starts[n] ?? 0; at < (starts[n + 1] ?? 0); at += 1) {
      const row = rows[at] ?? 0;
      let place = from[row] ?? 0;
      const end = to[row] ?? 0;
      // The texts of a sub-agent stand together as a rule: its place is the last one, or a new one.
      if (end > place && owners[end - 1] === owner) place = end - 1;
      else while (place < end && owners[place] !== owner) place += 1;
      if (place === end) to[row] = end + 1;
      owners[place] = owner;
      values[place] = (values[place] ?? 0) + (samples.values[at] ?? 0) / (sizes[owner] || 1);
    }
  }
  return { from, to, owners, values };
}

/** Adds to the matrix what comes of each mean. */
function addCells(
  matrix: Float32Array,
  { from, to, owners, values }: Means,
  sizes: Int32Array,
  added: (mean: number, row: number) => number,
): void {
  for (let row = 0; row < to.length; row += 1) {
    for (let place = from[row] ?? 0; place < (to[row] ?? 0); place += 1) {
      const owner = owners[place] ?? 0;
      const cell = row * sizes.length + owner;
      matrix[cell] = (matrix[cell] ?? 0) + added(values[place] ?? 0, row);
    }
  }
}

/**
 * Naive Bayes: how much likelier than by chance a feature is in the texts of each that has it. The row
 * of what a text has alone stands for many features, taken as of one length.
 */
function addBayes(
  matrix: Float32Array,
  { sharedCount, singles }: Samples,
  means: Means,
  sizes: Int32Array,
): void {
  const size = typicalSize(sizes);
  addCells(matrix, means, sizes, (mean, row) => {
    const parts = row < sharedCount ? 1 : Math.sqrt(singles[row - sharedCount] || 1);
    return BAYES.weight * parts * Math.log1p((mean * size) / parts / BAYES.added);
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

/** The other half of naive Bayes: who has longer texts has each feature by chance too. */
function biasesOf(
  { starts, values, owners, featureCount }: Samples,
  sizes: Int32Array,
): Float32Array {
  const lengths = new Float64Array(sizes.length);
  for (let n = 0; n + 1 < starts.length; n += 1) {
    const owner = owners[n] ?? 0;
    for (let at = starts[n] ?? 0; at < (starts[n + 1] ?? 0); at += 1) {
      lengths[owner] = (lengths[owner] ?? 0) + (values[at] ?? 0);
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

/** For each text its owner and the sub-agents whose means are nearest to it, side by side. */
function rivalsOf(samples: Samples, means: Means, sizes: Int32Array): Int32Array[] {
  const { starts, rows, values } = samples;
  const { from, to } = means;
  const scores = new Float64Array(sizes.length);
  const rivals: Int32Array[] = [];
  for (let n = 0; n + 1 < starts.length; n += 1) {
    scores.fill(0);
    for (let at = starts[n] ?? 0; at < (starts[n + 1] ?? 0); at += 1) {
      const row = rows[at] ?? 0;
      const value = values[at] ?? 0;
      const end = to[row] ?? 0;
      for (let place = from[row] ?? 0; place < end; place += 1) {
        const owner = means.owners[place] ?? 0;
        scores[owner] = (scores[owner] ?? 0) + value * (means.values[place] ?? 0);
      }
    }
    rivals.push(nearest(scores, samples.owners[n] ?? 0, sizes));
  }
  return rivals;
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

/** Stochastic gradient descent in a fixed order. */
function descend(
  samples: Samples,
  rivals: readonly Int32Array[],
  matrix: Float32Array,
  owners: number,
): void {
  const { starts, rows, values } = samples;
  const count = rivals.length;
  const shares = new Float64Array(TRAINING.rivals + 1);
  const isSettled = new Uint8Array(count);
  const bases = rows.map((row) => row * owners);
  for (let pass = 0; pass < TRAINING.passes; pass += 1) {
    const rate = TRAINING.rate / (1 + pass * TRAINING.decay);
    for (let step = 0; step < count; step += 1) {
      const n = (step * TRAINING.stride + pass) % count;
      const columns = rivals[n];
      if (columns === undefined || isSettled[n] === 1) continue;
      const from = starts[n] ?? 0;
      const to = starts[n + 1] ?? 0;
      for (let place = 0; place < columns.length; place += 1) {
        const column = columns[place] ?? 0;
        let sum = 0;
        for (let at = from; at < to; at += 1) {
          sum += (values[at] ?? 0) * (matrix[(bases[at] ?? 0) + column] ?? 0);
        }
        shares[place] = sum;
      }
      softmax(shares, columns.length);
      isSettled[n] = (shares[0] ?? 0) > TRAINING.settled ? 1 : 0;
      for (let place = 0; place < columns.length; place += 1) {
        const gradient = (place === 0 ? 1 : 0) - (shares[place] ?? 0);
        if (Math.abs(gradient) < TRAINING.gradientMin) continue;
        const column = columns[place] ?? 0;
        const factor = rate * gradient;
        for (let at = from; at < to; at += 1) {
          const cell = (bases[at] ?? 0) + column;
          matrix[cell] = (matrix[cell] ?? 0) + factor * (values[at] ?? 0);
        }
      }
    }
  }
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

/** The rows of the matrix without what is next to nothing. */
function packed(
  matrix: Float32Array,
  rowCount: number,
  owners: number,
): Pick<Weights, "starts" | "columns" | "values"> {
  let kept = 0;
  for (let cell = 0; cell < matrix.length; cell += 1) {
    if (Math.abs(matrix[cell] ?? 0) > TRAINING.valueMin) kept += 1;
  }
  const starts = new Int32Array(rowCount + 1);
  const columns = new Uint16Array(kept);
  const values = new Float32Array(kept);
  let place = 0;
  for (let row = 0; row < rowCount; row += 1) {
    const base = row * owners;
    for (let owner = 0; owner < owners; owner += 1) {
      const value = matrix[base + owner] ?? 0;
      if (Math.abs(value) <= TRAINING.valueMin) continue;
      columns[place] = owner;
      values[place] = value;
      place += 1;
    }
    starts[row + 1] = place;
  }
  return { starts, columns, values };
}
