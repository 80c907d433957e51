// The texts that the router's classifier learns from, as sparse vectors of unit length. Features that
// the same texts have, in the same proportion, are one row: the parts of a word that stands in
// no other shape, all that only one text has. They would be pushed alike anyway, and most
// features are of this kind, so that the matrix that is trained is a small part of the whole.

import { type Features, keptFeaturesOf } from "./kept-features.ts";

/** A text and whose it is. */
export interface TrainingText {
  readonly text: string;
  readonly owner: number;
}

/** Texts as vectors over rows. */
export interface Samples {
  /** Sample n is the places starts[n] to starts[n + 1]. */
  readonly starts: Int32Array;
  readonly rows: Int32Array;
  readonly values: Float32Array;
  readonly owners: Int32Array;
  readonly rowCount: number;
  /** By row, the sum of the parts that features have in it: 1 for one, the root of n for n alike. */
  readonly spread: Float32Array;
  /** Different features of all texts. */
  readonly featureCount: number;
  readonly index: FeatureIndex;
}

/** From a feature's hash to its row: an open-addressed table. */
export interface FeatureIndex {
  /** Hash of a feature, 0 = free; a power of two of them. */
  readonly table: Int32Array;
  readonly rowAt: Int32Array;
  /** Part that a feature has in its row: 1 where it is the only one. */
  readonly partAt: Float32Array;
  /** Rarity of the features of a row; their weight in a message is multiplied by it. */
  readonly rarity: Float32Array;
}

/** Rarity of a feature that `count` of `texts` have. */
export const rarityOf = (count: number, texts: number): number =>
  Math.sqrt(Math.log(1 + texts / count));

/**
 * The vectors of the texts.
 * @param rowsMax most rows; those of the rarest features go first, after what only one text has.
 */
export function samplesOf(texts: readonly TrainingText[], rowsMax: number): Samples {
  const features = texts.map(({ text }) => keptFeaturesOf(text));
  const numbers = numbered(features);
  const groups = grouped(numbers, Math.max(0, rowsMax - texts.length));
  const { ids, records } = numbers;
  const { rowOf, leaders, lengths, parts, spread } = groups;
  const rarity = new Float32Array(leaders.length);
  // The first feature of a row stands for the others: its row, and what its weight is times.
  const leads = new Int32Array(rowOf.length).fill(NONE);
  const factors = new Float32Array(rowOf.length).fill(rarityOf(1, texts.length));
  for (let row = 0; row < leaders.length; row += 1) {
    const id = leaders[row] ?? 0;
    rarity[row] = rarityOf(records[id * RECORD + COUNT] ?? 1, texts.length);
    leads[id] = row;
    factors[id] = ((lengths[row] ?? 0) * (rarity[row] ?? 0)) / (numbers.firsts[id] || 1);
  }
  const starts = new Int32Array(texts.length + 1);
  const rows = new Int32Array(ids.length);
  const values = new Float32Array(ids.length);
  const into = { rows, values };
  const by = { leads, rowOf, factors };
  let from = 0;
  for (let n = 0; n < features.length; n += 1) {
    const weights = features[n]?.weights ?? NOTHING;
    const own = ids.subarray(from, from + weights.length);
    starts[n + 1] = addVector(into, starts[n] ?? 0, weights, own, by);
    from += weights.length;
  }
  const place = starts[features.length] ?? 0;
  return {
    starts,
    rows: rows.slice(0, place),
    values: values.slice(0, place),
    owners: Int32Array.from(texts, ({ owner }) => owner),
    rowCount: leaders.length,
    spread,
    featureCount: rowOf.length,
    index: { ...tableOf(records, rowOf, parts), rarity },
  };
}

/** By feature: the row it stands for or NONE, the row it is in, and what its weight is times. */
interface Leads {
  readonly leads: Int32Array;
  readonly rowOf: Int32Array;
  readonly factors: Float32Array;
}

/** Writes the vector of a text, whose features are `ids`, from a place on; the place after it. */
function addVector(
  { rows, values }: { readonly rows: Int32Array; readonly values: Float32Array },
  start: number,
  weights: Float32Array,
  ids: Int32Array,
  { leads, rowOf, factors }: Leads,
): number {
  let place = start;
  let whole = 0;
  for (let at = 0; at < weights.length; at += 1) {
    const id = ids[at] ?? 0;
    const row = leads[id] ?? NONE;
    if (row === NONE && rowOf[id] !== NONE) continue;
    const value = (weights[at] ?? 0) * (factors[id] ?? 0);
    whole += value * value;
    if (row === NONE) continue;
    rows[place] = row;
    values[place] = value;
    place += 1;
  }
  const scale = 1 / Math.sqrt(whole || 1);
  for (let at = start; at < place; at += 1) values[at] = (values[at] ?? 0) * scale;
  return place;
}

const NOTHING = new Float32Array(0);

/** Instead of a row: a feature that is left out. */
const NONE = -1;

interface Numbered {
  /** By feature: its hash, the texts that have it, and two hashes of which and how much of it. */
  readonly records: Int32Array;
  /** By feature: its weight in the first text that has it. */
  readonly firsts: Float32Array;
  /** Number of the feature at each place of the texts, one text after the other. */
  readonly ids: Int32Array;
}

/** Numbers of a record, side by side for the processor's cache, and what each of them is. */
const RECORD = 4;
const [HASH, COUNT, ONE, OTHER] = [0, 1, 2, 3] as const;

/** Proportions of a weight that are told apart. */
const RATIO_STEPS = 1_024;

/** While features are being numbered. */
interface Numbering extends Numbered {
  idAt: Int32Array;
  /** Features so far. */
  count: number;
}

/** Numbers the different features in the order in which they come. */
function numbered(features: readonly Features[]): Numbered {
  const places = features.reduce((sum, { hashes }) => sum + hashes.length, 0);
  const records = new Int32Array(places * RECORD);
  const firsts = new Float32Array(places);
  const ids = new Int32Array(places);
  const idAt = new Int32Array(tableSize(places / 8));
  const numbering: Numbering = { records, firsts, ids, idAt, count: 0 };
  let place = 0;
  for (const [n, one] of features.entries()) {
    numberText(numbering, one, n, place);
    place += one.hashes.length;
  }
  const { count } = numbering;
  return { records: records.subarray(0, count * RECORD), firsts: firsts.subarray(0, count), ids };
}

function numberText(
  numbering: Numbering,
  { hashes, weights }: Features,
  n: number,
  place: number,
): void {
  const { records, firsts, ids } = numbering;
  const text = Math.imul(n + 1, 0x9e3779b1);
  for (let at = 0; at < hashes.length; at += 1) {
    const weight = weights[at] ?? 0;
    const id = numberOf(numbering, hashes[at] ?? 0, weight);
    const first = firsts[id] ?? 0;
    const ratio =
      weight === first ? RATIO_STEPS : Math.round((RATIO_STEPS * weight) / (first || 1));
    const step = text ^ Math.imul(ratio, 0x85ebca6b);
    const record = id * RECORD;
    records[record + COUNT] = (records[record + COUNT] ?? 0) + 1;
    records[record + ONE] = mixed((records[record + ONE] ?? 0) ^ step);
    records[record + OTHER] = mixed((records[record + OTHER] ?? 0) + step);
    ids[place + at] = id;
  }
}

/** The number of a feature, the next one where it is new. */
function numberOf(numbering: Numbering, hash: number, weight: number): number {
  const { idAt, records, count } = numbering;
  const slot = slotOf(idAt, records, hash);
  const known = (idAt[slot] ?? 0) - 1;
  if (known >= 0) return known;
  records[count * RECORD + HASH] = hash;
  numbering.firsts[count] = weight;
  idAt[slot] = count + 1;
  numbering.count = count + 1;
  if (numbering.count * 2 > idAt.length)
    numbering.idAt = grown(idAt.length * 4, records, count + 1);
  return count;
}

function grown(size: number, records: Int32Array, count: number): Int32Array {
  const idAt = new Int32Array(size);
  for (let id = 0; id < count; id += 1) {
    idAt[slotOf(idAt, records, records[id * RECORD + HASH] ?? 0)] = id + 1;
  }
  return idAt;
}

/** Where the number of a feature plus one stands, or the free place for it. */
function slotOf(idAt: Int32Array, records: Int32Array, hash: number): number {
  const mask = idAt.length - 1;
  let slot = hash & mask;
  for (;;) {
    const id = (idAt[slot] ?? 0) - 1;
    if (id < 0 || records[id * RECORD + HASH] === hash) return slot;
    slot = (slot + 1) & mask;
  }
}

function mixed(hash: number): number {
  const spread = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return Math.imul(spread ^ (spread >>> 13), 0x297a2d39);
}

interface Groups {
  /** Row of each feature, or NONE. */
  readonly rowOf: Int32Array;
  /** By row: its first feature, and its length where that one has its first weight. */
  readonly leaders: readonly number[];
  readonly lengths: Float32Array;
  readonly spread: Float32Array;
  /** By feature: its part of the length of its row. */
  readonly parts: Float32Array;
}

/** A row for the features that the same texts have alike; the most frequent where room is short. */
function grouped({ records, firsts }: Numbered, room: number): Groups {
  const leaderOf = leadersOf(records, firsts.length);
  const least = leastCount(records, leaderOf, room);
  const rowOf = new Int32Array(leaderOf.length).fill(NONE);
  const leaders: number[] = [];
  const squares: number[] = [];
  for (let id = 0; id < rowOf.length; id += 1) {
    const count = records[id * RECORD + COUNT] ?? 0;
    if (count > 1 && count < least) continue;
    const leader = leaderOf[id] ?? id;
    if (leader === id) {
      rowOf[id] = leaders.length;
      leaders.push(id);
      squares.push(0);
    }
    const row = rowOf[leader] ?? 0;
    rowOf[id] = row;
    squares[row] = (squares[row] ?? 0) + (firsts[id] ?? 0) ** 2;
  }
  const lengths = new Float32Array(squares.length);
  for (let row = 0; row < lengths.length; row += 1) lengths[row] = Math.sqrt(squares[row] ?? 0);
  const spread = new Float32Array(lengths.length);
  const parts = new Float32Array(rowOf.length);
  for (let id = 0; id < parts.length; id += 1) {
    const row = rowOf[id] ?? NONE;
    if (row === NONE) continue;
    const part = (firsts[id] ?? 0) / (lengths[row] || 1);
    parts[id] = part;
    spread[row] = (spread[row] ?? 0) + part;
  }
  return { rowOf, leaders, lengths, spread, parts };
}

/** For each feature the first that the same texts have alike. */
function leadersOf(records: Int32Array, count: number): Int32Array {
  const leaderAt = new Int32Array(tableSize(count));
  const leaderOf = new Int32Array(count);
  const mask = leaderAt.length - 1;
  for (let id = 0; id < count; id += 1) {
    const one = records[id * RECORD + ONE] ?? 0;
    const other = records[id * RECORD + OTHER] ?? 0;
    let slot = one & mask;
    let leader = (leaderAt[slot] ?? 0) - 1;
    while (
      leader >= 0 &&
      (records[leader * RECORD + ONE] !== one || records[leader * RECORD + OTHER] !== other)
    ) {
      slot = (slot + 1) & mask;
      leader = (leaderAt[slot] ?? 0) - 1;
    }
    if (leader < 0) leaderAt[slot] = id + 1;
    leaderOf[id] = leader < 0 ? id : leader;
  }
  return leaderOf;
}

/** Features that fewer texts have get no row, unless it is only one. */
function leastCount(records: Int32Array, leaderOf: Int32Array, room: number): number {
  for (let least = 2; ; least += 1) {
    let rows = 0;
    for (let id = 0; id < leaderOf.length; id += 1) {
      if (leaderOf[id] === id && (records[id * RECORD + COUNT] ?? 0) >= least) rows += 1;
    }
    if (rows <= room) return least;
  }
}

function tableSize(entries: number): number {
  let size = 16;
  while (size < entries * 2) size *= 2;
  return size;
}

function tableOf(
  records: Int32Array,
  rowOf: Int32Array,
  parts: Float32Array,
): Omit<FeatureIndex, "rarity"> {
  const size = tableSize(rowOf.length);
  const mask = size - 1;
  const table = new Int32Array(size);
  const rowAt = new Int32Array(size);
  const partAt = new Float32Array(size);
  for (let id = 0; id < rowOf.length; id += 1) {
    const row = rowOf[id] ?? NONE;
    if (row === NONE) continue;
    const hash = records[id * RECORD + HASH] ?? 0;
    let slot = hash & mask;
    while (table[slot] !== 0) slot = (slot + 1) & mask;
    table[slot] = hash;
    rowAt[slot] = row;
    partAt[slot] = parts[id] ?? 0;
  }
  return { table, rowAt, partAt };
}
