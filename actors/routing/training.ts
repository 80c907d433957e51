// Training of the router's classifier: multinomial logistic regression over the texts of the
// sub-agents, started at their centroids and pushed only against the rivals of each text, so that
// 150 sub-agents take tens of milliseconds. Pure and deterministic: the same texts give the same
// weights, bit for bit, whatever was trained before. Plain typed arrays, so that the compute pool can
// send them.

import { featuresOf } from "./features.ts";

/** A text and whose it is. */
export interface TrainingText {
  readonly text: string;
  readonly owner: number;
}

/** What is trained: texts of `owners` sub-agents. */
export interface TrainingInput {
  readonly owners: number;
  readonly texts: readonly TrainingText[];
}

/**
 * Trained weights: an open-addressed table from a feature's hash to its row, and the rows side by side
 * (row r is the places starts[r] to starts[r + 1] of `columns` and `values`).
 */
export interface Weights {
  readonly owners: number;
  /** Hash of a feature, 0 = free; a power of two of them. */
  readonly table: Int32Array;
  readonly rowAt: Int32Array;
  /** Rarity of a row's feature; its weight in a message is multiplied by it. */
  readonly rarity: Float32Array;
  /** Rarity of a feature that no text has. */
  readonly unknownRarity: number;
  readonly starts: Int32Array;
  readonly columns: Uint16Array;
  readonly values: Float32Array;
  /** Texts of each sub-agent. */
  readonly sizes: Int32Array;
}

/** Limits of training. */
export const trainingLimits = {
  texts: 6_000,
  owners: 1_000,
  /** Numbers of the dense matrix (4 bytes each) while training; features of one text go first. */
  cells: 24_000_000,
} as const;

/** Constants found by cross-validation over four public sets at once. */
const TRAINING = {
  passes: 4,
  rate: 0.4,
  decay: 0.3,
  /** Sharpness of the softmax. */
  sharpness: 10,
  /** Sub-agents a text is pushed against: those nearest to it at the start. */
  rivals: 16,
  /** Gradients below it are not worth a step. */
  gradientMin: 0.02,
  /** A prime that no number of texts divides: steps of it visit every text. */
  stride: 7_919,
  /** Weights below it are left out of the result. */
  valueMin: 2e-3,
} as const;

/** Softmax sharpness at which the scores of these weights are to be read. */
export const sharpness = TRAINING.sharpness;

/** Rarity of a feature that `count` of `texts` have. */
const rarityOf = (count: number, texts: number): number => Math.sqrt(Math.log(1 + texts / count));

interface Samples {
  /** Sample n is the places starts[n] to starts[n + 1]. */
  readonly starts: Int32Array;
  readonly features: Int32Array;
  readonly values: Float32Array;
  readonly owners: Int32Array;
  readonly hashes: readonly number[];
  readonly rarity: Float32Array;
}

/** Trains; texts past the limit are left out. */
export function trainWeights({ owners, texts }: TrainingInput): Weights {
  const taken = texts.slice(0, trainingLimits.texts);
  const samples = samplesOf(taken, owners);
  const sizes = new Int32Array(owners);
  for (const { owner } of taken) sizes[owner] = (sizes[owner] ?? 0) + 1;
  const matrix = new Float32Array(samples.hashes.length * owners);
  const centroids = fillCentroids(samples, sizes, matrix);
  const rivals = rivalsOf(samples, centroids, matrix, sizes);
  descend(samples, rivals, matrix, owners);
  return packed(samples, matrix, sizes, taken.length);
}

/** Vectors of unit length over the features that the texts have. */
function samplesOf(texts: readonly TrainingText[], owners: number): Samples {
  const ids = new Map<number, number>();
  const hashes: number[] = [];
  const counts: number[] = [];
  const rows: Int32Array[] = [];
  const weights: Float32Array[] = [];
  for (const { text } of texts) {
    const found = featuresOf(text);
    const row = new Int32Array(found.count);
    for (let at = 0; at < found.count; at += 1) {
      const hash = found.hashes[at] ?? 0;
      let id = ids.get(hash);
      if (id === undefined) {
        id = hashes.length;
        ids.set(hash, id);
        hashes.push(hash);
        counts.push(0);
      }
      row[at] = id;
      counts[id] = (counts[id] ?? 0) + 1;
    }
    rows.push(row);
    weights.push(found.weights.slice(0, found.count));
  }
  const kept = keptFeatures(counts, owners);
  const rarity = Float32Array.from(counts, (count) => rarityOf(count, texts.length));
  return laidOut(
    rows,
    weights,
    texts.map(({ owner }) => owner),
    { hashes, rarity, kept },
  );
}

/** New number of each feature, -1 for one that is left out because the matrix would be too large. */
function keptFeatures(counts: readonly number[], owners: number): Int32Array {
  const room = Math.max(1, Math.floor(trainingLimits.cells / Math.max(1, owners)));
  let least = 1;
  while (counts.filter((count) => count >= least).length > room) least += 1;
  let next = 0;
  return Int32Array.from(counts, (count) => {
    if (count < least) return -1;
    next += 1;
    return next - 1;
  });
}

function laidOut(
  rows: readonly Int32Array[],
  weights: readonly Float32Array[],
  owners: readonly number[],
  of: { hashes: readonly number[]; rarity: Float32Array; kept: Int32Array },
): Samples {
  const places = rows.reduce((sum, row) => sum + row.length, 0);
  const starts = new Int32Array(rows.length + 1);
  const features = new Int32Array(places);
  const values = new Float32Array(places);
  let place = 0;
  for (const [n, row] of rows.entries()) {
    const weight = weights[n] ?? new Float32Array();
    let norm = 0;
    for (let at = 0; at < row.length; at += 1) {
      norm += ((weight[at] ?? 0) * (of.rarity[row[at] ?? 0] ?? 0)) ** 2;
    }
    const scale = 1 / Math.sqrt(norm || 1);
    for (let at = 0; at < row.length; at += 1) {
      const id = row[at] ?? 0;
      const feature = of.kept[id] ?? -1;
      if (feature < 0) continue;
      features[place] = feature;
      values[place] = (weight[at] ?? 0) * (of.rarity[id] ?? 0) * scale;
      place += 1;
    }
    starts[n + 1] = place;
  }
  const isKept = (id: number): boolean => (of.kept[id] ?? -1) >= 0;
  return {
    starts,
    features,
    values,
    owners: Int32Array.from(owners),
    hashes: of.hashes.filter((_, id) => isKept(id)),
    rarity: of.rarity.filter((_, id) => isKept(id)),
  };
}

/** Puts the mean of each sub-agent's texts into the matrix; returns whose texts have each feature. */
function fillCentroids(samples: Samples, sizes: Int32Array, matrix: Float32Array): number[][] {
  const { starts, features, values } = samples;
  const users: number[][] = samples.hashes.map(() => []);
  for (let n = 0; n + 1 < starts.length; n += 1) {
    const owner = samples.owners[n] ?? 0;
    const share = 1 / (sizes[owner] || 1);
    for (let at = starts[n] ?? 0; at < (starts[n + 1] ?? 0); at += 1) {
      const feature = features[at] ?? 0;
      const cell = feature * sizes.length + owner;
      if (matrix[cell] === 0) users[feature]?.push(owner);
      matrix[cell] = (matrix[cell] ?? 0) + share * (values[at] ?? 0);
    }
  }
  return users;
}

/** For each text its owner and the sub-agents nearest to it, side by side. */
function rivalsOf(
  samples: Samples,
  users: readonly (readonly number[])[],
  matrix: Float32Array,
  sizes: Int32Array,
): Int32Array[] {
  const owners = sizes.length;
  const { starts, features, values } = samples;
  const scores = new Float64Array(owners);
  const sorted = new Float64Array(owners);
  const rivals: Int32Array[] = [];
  const trained = [...sizes.keys()].filter((owner) => (sizes[owner] ?? 0) > 0);
  for (let n = 0; n + 1 < starts.length; n += 1) {
    scores.fill(0);
    for (let at = starts[n] ?? 0; at < (starts[n + 1] ?? 0); at += 1) {
      const feature = features[at] ?? 0;
      const value = values[at] ?? 0;
      const base = feature * owners;
      const row = users[feature] ?? [];
      for (let place = 0; place < row.length; place += 1) {
        const owner = row[place] ?? 0;
        scores[owner] = (scores[owner] ?? 0) + value * (matrix[base + owner] ?? 0);
      }
    }
    const own = samples.owners[n] ?? 0;
    rivals.push(Int32Array.from([own, ...nearest(scores, trained, own, sorted)]));
  }
  return rivals;
}

/** The highest scores but `except`'s, at most `rivals` of them, in the order of the sub-agents. */
function nearest(
  scores: Float64Array,
  trained: readonly number[],
  except: number,
  sorted: Float64Array,
): number[] {
  let count = 0;
  for (const owner of trained) {
    if (owner === except) continue;
    sorted[count] = scores[owner] ?? 0;
    count += 1;
  }
  const ranked = sorted.subarray(0, count).sort();
  const least = ranked[count - TRAINING.rivals] ?? Number.NEGATIVE_INFINITY;
  const found: number[] = [];
  let equal = TRAINING.rivals;
  for (const score of ranked) if (score > least) equal -= 1;
  for (const owner of trained) {
    const score = scores[owner] ?? 0;
    if (owner === except || score < least) continue;
    if (score === least) equal -= 1;
    if (score > least || equal >= 0) found.push(owner);
  }
  return found;
}

/** Stochastic gradient descent in a fixed order. */
function descend(
  samples: Samples,
  rivals: readonly Int32Array[],
  matrix: Float32Array,
  owners: number,
): void {
  const { starts, features, values } = samples;
  const count = rivals.length;
  const shares = new Float64Array(TRAINING.rivals + 1);
  for (let pass = 0; pass < TRAINING.passes; pass += 1) {
    const rate = TRAINING.rate / (1 + pass * TRAINING.decay);
    for (let step = 0; step < count; step += 1) {
      const n = (step * TRAINING.stride + pass) % count;
      const columns = rivals[n];
      if (columns === undefined) continue;
      const from = starts[n] ?? 0;
      const to = starts[n + 1] ?? 0;
      shares.fill(0);
      for (let at = from; at < to; at += 1) {
        const value = values[at] ?? 0;
        const base = (features[at] ?? 0) * owners;
        for (let place = 0; place < columns.length; place += 1) {
          shares[place] =
            (shares[place] ?? 0) + value * (matrix[base + (columns[place] ?? 0)] ?? 0);
        }
      }
      softmax(shares, columns.length);
      for (let place = 0; place < columns.length; place += 1) {
        const gradient = (place === 0 ? 1 : 0) - (shares[place] ?? 0);
        if (Math.abs(gradient) < TRAINING.gradientMin) continue;
        const column = columns[place] ?? 0;
        const factor = rate * gradient;
        for (let at = from; at < to; at += 1) {
          const cell = (features[at] ?? 0) * owners + column;
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

function packed(samples: Samples, matrix: Float32Array, sizes: Int32Array, texts: number): Weights {
  const owners = sizes.length;
  const rows = samples.hashes.length;
  let size = 16;
  while (size < rows * 2) size *= 2;
  const table = new Int32Array(size);
  const rowAt = new Int32Array(size);
  const starts = new Int32Array(rows + 1);
  let kept = 0;
  for (let cell = 0; cell < matrix.length; cell += 1) {
    if (Math.abs(matrix[cell] ?? 0) > TRAINING.valueMin) kept += 1;
  }
  const columns = new Uint16Array(kept);
  const values = new Float32Array(kept);
  let place = 0;
  for (const [row, hash] of samples.hashes.entries()) {
    let slot = hash & (size - 1);
    while (table[slot] !== 0) slot = (slot + 1) & (size - 1);
    table[slot] = hash;
    rowAt[slot] = row;
    for (let owner = 0; owner < owners; owner += 1) {
      const value = matrix[row * owners + owner] ?? 0;
      if (Math.abs(value) <= TRAINING.valueMin) continue;
      columns[place] = owner;
      values[place] = value;
      place += 1;
    }
    starts[row + 1] = place;
  }
  const unknownRarity = rarityOf(1, texts);
  const { rarity } = samples;
  return { owners, table, rowAt, rarity, unknownRarity, starts, columns, values, sizes };
}
