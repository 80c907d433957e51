// The texts that the router's classifier learns from, as sparse vectors of unit length. What only one
// text has is one feature of that text: its parts would be pushed alike anyway, and most features
// are of this kind, so that the matrix that is trained is a third of the size.

import { type Features, keptFeaturesOf } from "./kept-features.ts";

/** A text and whose it is. */
export interface TrainingText {
  readonly text: string;
  readonly owner: number;
}

/** Texts as vectors over rows: one row a shared feature, then one row a text for what it has alone. */
export interface Samples {
  /** Sample n is the places starts[n] to starts[n + 1]. */
  readonly starts: Int32Array;
  readonly rows: Int32Array;
  readonly values: Float32Array;
  readonly owners: Int32Array;
  readonly rowCount: number;
  /** Rows of shared features; the row of text n's own is sharedCount + n. */
  readonly sharedCount: number;
  /** Features that only text n has. */
  readonly singles: Int32Array;
  /** Different features of all texts. */
  readonly featureCount: number;
  readonly index: FeatureIndex;
}

/** From a feature's hash to its row: an open-addressed table. */
export interface FeatureIndex {
  /** Hash of a feature, 0 = free; a power of two of them. */
  readonly table: Int32Array;
  readonly rowAt: Int32Array;
  /** Part that a feature has in its row: 1 for a shared one. */
  readonly partAt: Float32Array;
  /** Rarity of a row's feature; its weight in a message is multiplied by it. */
  readonly rarity: Float32Array;
}

/** Rarity of a feature that `count` of `texts` have. */
export const rarityOf = (count: number, texts: number): number =>
  Math.sqrt(Math.log(1 + texts / count));

/**
 * The vectors of the texts.
 * @param rowsMax most rows; the rarest of the shared features are left out.
 */
export function samplesOf(texts: readonly TrainingText[], rowsMax: number): Samples {
  const features = texts.map(({ text }) => keptFeaturesOf(text));
  const numbers = numbered(features);
  const { counts, ids } = numbers;
  const { rowOf, sharedCount } = sharedRows(counts, Math.max(0, rowsMax - texts.length));
  const rowCount = sharedCount + texts.length;
  const rarity = new Float32Array(rowCount).fill(rarityOf(1, texts.length));
  for (let id = 0; id < counts.length; id += 1) {
    const row = rowOf[id] ?? NONE;
    if (row >= 0) rarity[row] = rarityOf(counts[id] ?? 1, texts.length);
  }
  const parts = new Float32Array(counts.length).fill(1);
  const starts = new Int32Array(texts.length + 1);
  const rows = new Int32Array(ids.length + texts.length);
  const values = new Float32Array(ids.length + texts.length);
  const singles = new Int32Array(texts.length);
  let place = 0;
  let from = 0;
  for (const [n, { weights }] of features.entries()) {
    const own = sharedCount + n;
    let whole = 0;
    let alone = 0;
    for (let at = 0; at < weights.length; at += 1) {
      const row = rowOf[ids[from + at] ?? 0] ?? NONE;
      const value = (weights[at] ?? 0) * (rarity[row >= 0 ? row : own] ?? 0);
      whole += value * value;
      if (row === SINGLE) alone += value * value;
    }
    const scale = 1 / Math.sqrt(whole || 1);
    const length = Math.sqrt(alone);
    for (let at = 0; at < weights.length; at += 1) {
      const id = ids[from + at] ?? 0;
      const row = rowOf[id] ?? NONE;
      const value = (weights[at] ?? 0) * (rarity[row >= 0 ? row : own] ?? 0);
      if (row === SINGLE) {
        parts[id] = value / length;
        rowOf[id] = own;
        singles[n] = (singles[n] ?? 0) + 1;
      } else if (row >= 0) {
        rows[place] = row;
        values[place] = value * scale;
        place += 1;
      }
    }
    rows[place] = own;
    values[place] = length * scale;
    place += 1;
    starts[n + 1] = place;
    from += weights.length;
  }
  return {
    starts,
    rows,
    values,
    owners: Int32Array.from(texts, ({ owner }) => owner),
    rowCount,
    sharedCount,
    singles,
    featureCount: counts.length,
    index: { ...tableOf(numbers.hashes, rowOf, parts), rarity },
  };
}

/** Instead of a row: a feature of one text, one that is left out. */
const SINGLE = -1;
const NONE = -2;

interface Numbered {
  /** Hash of each feature, by its number. */
  readonly hashes: Int32Array;
  /** Texts that have it. */
  readonly counts: Int32Array;
  /** Number of the feature at each place of the texts, one text after the other. */
  readonly ids: Int32Array;
}

/** Where a hash stands in an open-addressed table, or the free place for it. */
function slotOf(table: Int32Array, hash: number): number {
  const mask = table.length - 1;
  let slot = hash & mask;
  while (table[slot] !== 0 && table[slot] !== hash) slot = (slot + 1) & mask;
  return slot;
}

/** Numbers the different features in the order in which they come. */
function numbered(features: readonly Features[]): Numbered {
  const places = features.reduce((sum, { hashes }) => sum + hashes.length, 0);
  let table = new Int32Array(tableSize(places / 8));
  let idAt = new Int32Array(table.length);
  const found = new Int32Array(places);
  const counts = new Int32Array(places);
  const ids = new Int32Array(places);
  let count = 0;
  let place = 0;
  for (const { hashes } of features) {
    for (let at = 0; at < hashes.length; at += 1) {
      const hash = hashes[at] ?? 0;
      let slot = slotOf(table, hash);
      if (table[slot] === 0) {
        found[count] = hash;
        count += 1;
        if (count * 2 > table.length) {
          table = new Int32Array(table.length * 4);
          idAt = new Int32Array(table.length);
          for (let id = 0; id < count - 1; id += 1) {
            const at = slotOf(table, found[id] ?? 0);
            table[at] = found[id] ?? 0;
            idAt[at] = id;
          }
          slot = slotOf(table, hash);
        }
        table[slot] = hash;
        idAt[slot] = count - 1;
      }
      const id = idAt[slot] ?? 0;
      ids[place] = id;
      counts[id] = (counts[id] ?? 0) + 1;
      place += 1;
    }
  }
  return { hashes: found.slice(0, count), counts: counts.slice(0, count), ids };
}

/** Rows of the features that several texts have, the most frequent of them where room is short. */
function sharedRows(counts: Int32Array, room: number): { rowOf: Int32Array; sharedCount: number } {
  let least = 2;
  let sharedCount = 0;
  const countAll = (): number => {
    let sum = 0;
    for (const count of counts) if (count >= least) sum += 1;
    return sum;
  };
  while (countAll() > room) least += 1;
  const rowOf = Int32Array.from(counts, (count) => {
    if (count === 1) return SINGLE;
    if (count < least) return NONE;
    sharedCount += 1;
    return sharedCount - 1;
  });
  return { rowOf, sharedCount };
}

function tableSize(entries: number): number {
  let size = 16;
  while (size < entries * 2) size *= 2;
  return size;
}

function tableOf(
  hashes: Int32Array,
  rowOf: Int32Array,
  parts: Float32Array,
): Omit<FeatureIndex, "rarity"> {
  const size = tableSize(hashes.length);
  const table = new Int32Array(size);
  const rowAt = new Int32Array(size);
  const partAt = new Float32Array(size);
  for (let id = 0; id < hashes.length; id += 1) {
    const row = rowOf[id] ?? NONE;
    if (row < 0) continue;
    const hash = hashes[id] ?? 0;
    const slot = slotOf(table, hash);
    table[slot] = hash;
    rowAt[slot] = row;
    partAt[slot] = parts[id] ?? 0;
  }
  return { table, rowAt, partAt };
}
