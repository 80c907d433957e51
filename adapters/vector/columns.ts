// The vectors of a file once more, coarsely and by their numbers: of every 32,768 vectors first what 1
// of each is worth, then all their first numbers in 8 bits, all their second ones, and so on. A question
// of few words has few numbers: only those columns are read, and all vectors are compared in a fraction
// of what a graph takes that finds its way badly. What comes out best is compared again with the vectors
// as they are. They lie behind what the library has written, which does not look there.

import { closeSync, openSync, readSync, writeSync } from "node:fs";
import { setImmediate as nextTurn } from "node:timers/promises";
import { Best } from "../../actors/knowledge/best.ts";
import { ColumnSums, columnSumsLimits, ROWS_STEP } from "./column-sums.ts";

const { rows: BLOCK_ROWS, columns: COLUMNS_AT_ONCE, weight: WEIGHT_MOST } = columnSumsLimits;
const FLOAT_BYTES = 4;
const HALF_BYTES = 2;
const WORTH_MOST = 127;
/** Vectors that are read at once. */
const SLICE_ROWS = 256;
/** Of what is wanted so many times as much, and so many more, are compared again. */
const AGAIN_SHARE = 1.25;
const AGAIN_MORE = 24;

/** Where vectors of 16-bit floats lie in a file, and where their columns. */
export interface ColumnsLayout {
  readonly rows: number;
  readonly dimension: number;
  readonly vectorsAt: number;
  readonly columnsAt: number;
}

/** Bytes of the columns. */
export function columnsBytes({ rows, dimension }: Pick<ColumnsLayout, "rows" | "dimension">) {
  return padded(rows) * (FLOAT_BYTES + dimension);
}

/** What a scan takes, against comparing a vector that is read with those around it. */
export const scanCosts = {
  /** Of each vector, and of all its numbers, of which a question asks for some. */
  row: 0.025,
  numbers: 0.5,
  /** What comes out best lies anywhere in the file. */
  again: 16,
} as const;

/** The numbers of a question that are not 0, the largest being `WEIGHT_MOST`. */
export interface ColumnsQuestion {
  readonly columns: readonly number[];
  readonly weights: readonly number[];
}

/** A question as the columns are asked it. */
export function columnsQuestion(vector: Float32Array): ColumnsQuestion {
  let largest = 0;
  for (const value of vector) largest = Math.max(largest, Math.abs(value));
  const columns: number[] = [];
  const weights: number[] = [];
  for (let at = 0; at < vector.length; at += 1) {
    const weight = Math.round(((vector[at] ?? 0) / largest) * WEIGHT_MOST);
    if (weight === 0 || Number.isNaN(weight)) continue;
    columns.push(at);
    weights.push(weight);
  }
  return { columns, weights };
}

/** Vectors that are compared one by one in the time that such a question scans so many. */
export function scanTakes(
  { rows, dimension }: Pick<ColumnsLayout, "rows" | "dimension">,
  { columns }: ColumnsQuestion,
  limit: number,
): number {
  const { row, numbers, again } = scanCosts;
  const share = columns.length / dimension;
  return rows * (row + share * numbers) + comparedAgain(limit) * again;
}

const comparedAgain = (limit: number): number => Math.ceil(limit * AGAIN_SHARE) + AGAIN_MORE;

/** Writes the columns of a file's vectors behind them. */
export async function appendColumns(path: string, layout: ColumnsLayout): Promise<void> {
  const file = openSync(path, "r+");
  try {
    for (let first = 0; first < layout.rows; first += BLOCK_ROWS) {
      const rows = Math.min(BLOCK_ROWS, layout.rows - first);
      const block = new Uint8Array(padded(rows) * (FLOAT_BYTES + layout.dimension));
      for (let from = 0; from < rows; from += SLICE_ROWS) {
        fillColumns(file, layout, { first, rows, from, block });
        await nextTurn();
      }
      write(file, block, blockAt(layout, first));
    }
  } finally {
    closeSync(file);
  }
}

interface Filled {
  readonly first: number;
  readonly rows: number;
  readonly from: number;
  readonly block: Uint8Array;
}

/** Some rows of a block. */
function fillColumns(
  file: number,
  { dimension, vectorsAt }: ColumnsLayout,
  { first, rows, from, block }: Filled,
): void {
  const count = Math.min(SLICE_ROWS, rows - from);
  const halves = new Uint16Array(count * dimension);
  const at = vectorsAt + (first + from) * dimension * HALF_BYTES;
  readWhole(file, new Uint8Array(halves.buffer), at);
  const height = padded(rows);
  const worths = new Float32Array(block.buffer, 0, height);
  const numbers = new Int8Array(block.buffer, height * FLOAT_BYTES);
  const floats = halfFloats();
  for (let row = 0; row < count; row += 1) {
    const begin = row * dimension;
    // Without their signs, larger patterns are larger numbers.
    let largest = 0;
    for (let number = 0; number < dimension; number += 1) {
      largest = Math.max(largest, (halves[begin + number] ?? 0) & 0x7fff);
    }
    const worth = (floats[largest] ?? 0) / WORTH_MOST;
    worths[from + row] = worth;
    if (worth === 0) continue;
    for (let number = 0; number < dimension; number += 1) {
      const value = (floats[halves[begin + number] ?? 0] ?? 0) / worth;
      numbers[number * height + from + row] = Math.round(value);
    }
  }
}

/** What a scan reads from, and whom it finds. */
export interface Scanned {
  readonly file: number;
  readonly layout: ColumnsLayout;
  /** Slots of the rows; what is no slot is never asked for. */
  readonly slots: Float64Array;
}

/** Made by the first scan of the thread. */
let sums: ColumnSums | undefined;
const worths = new Float32Array(BLOCK_ROWS);

/**
 * Slots of what is nearest, coarsely, among those that count, growing: more than `limit`, so that the
 * nearest are among them.
 */
export async function scanColumns(
  { file, layout, slots }: Scanned,
  { columns, weights }: ColumnsQuestion,
  limit: number,
  counts: (slot: number) => boolean,
): Promise<readonly number[]> {
  const best = new Coarse(comparedAgain(limit), counts);
  for (let first = 0; first < layout.rows; first += BLOCK_ROWS) {
    if (first > 0) await nextTurn();
    const rows = Math.min(BLOCK_ROWS, layout.rows - first);
    best.take(
      sumsOf(file, layout, { columns, weights }, first, rows),
      worthsOf(file, layout, first, rows),
      slots.subarray(first, first + rows),
    );
  }
  return best.slots();
}

/** The best of all blocks. */
class Coarse {
  readonly #best: Best;
  readonly #counts: (slot: number) => boolean;
  #free: number;

  constructor(limit: number, counts: (slot: number) => boolean) {
    this.#best = new Best(limit);
    this.#counts = counts;
    this.#free = limit;
  }

  take(sums: Int32Array, worths: Float32Array, slots: Float64Array): void {
    let least = this.#least();
    for (let row = 0; row < slots.length; row += 1) {
      const score = (sums[row] ?? 0) * (worths[row] ?? 0);
      if (score <= least) continue;
      const slot = slots[row] ?? Number.NaN;
      if (!(slot <= Number.MAX_SAFE_INTEGER && this.#counts(slot))) continue;
      this.#best.take(score, slot, 0, 0);
      this.#free -= 1;
      least = this.#least();
    }
  }

  slots(): readonly number[] {
    const slots = this.#best.sorted().map(({ slot }) => slot);
    return slots.sort((a, b) => a - b);
  }

  #least(): number {
    return this.#free > 0 ? Number.NEGATIVE_INFINITY : this.#best.least;
  }
}

function worthsOf(file: number, layout: ColumnsLayout, first: number, rows: number): Float32Array {
  const into = worths.subarray(0, rows);
  readWhole(file, new Uint8Array(into.buffer, 0, rows * FLOAT_BYTES), blockAt(layout, first));
  return into;
}

/** Sums of one block: until the next call. */
function sumsOf(
  file: number,
  layout: ColumnsLayout,
  { columns, weights }: Pick<ColumnsQuestion, "columns" | "weights">,
  first: number,
  rows: number,
): Int32Array {
  sums ??= new ColumnSums();
  const height = padded(rows);
  const columnsAt = blockAt(layout, first) + height * FLOAT_BYTES;
  const sum = sums.clear(height);
  for (let from = 0; from < columns.length; from += COLUMNS_AT_ONCE) {
    for (let at = 0; at < COLUMNS_AT_ONCE; at += 1) {
      const column = columns[from + at];
      sums.weights[at] = weights[from + at] ?? 0;
      if (column === undefined) continue;
      const into = sums.columns.subarray(at * BLOCK_ROWS, at * BLOCK_ROWS + height);
      readWhole(file, into, columnsAt + column * height);
    }
    sums.add(height);
  }
  return sum;
}

const padded = (rows: number): number => Math.ceil(rows / ROWS_STEP) * ROWS_STEP;

/** Where a block begins: all before it are full. */
const blockAt = ({ columnsAt, dimension }: ColumnsLayout, first: number): number =>
  columnsAt + first * (FLOAT_BYTES + dimension);

let halfFloatTable: Float32Array | undefined;

/** The number of every pattern of 16 bits. */
function halfFloats(): Float32Array {
  halfFloatTable ??= Float32Array.from({ length: 65_536 }, (_, bits) => {
    const exponent = (bits >> 10) & 31;
    const fraction = (bits & 1_023) / 1_024;
    const size = exponent === 0 ? fraction * 2 ** -14 : (1 + fraction) * 2 ** (exponent - 15);
    return bits < 32_768 ? size : -size;
  });
  return halfFloatTable;
}

function readWhole(file: number, into: Uint8Array, at: number): void {
  for (let done = 0; done < into.length; ) {
    const read = readSync(file, into, done, into.length - done, at + done);
    if (read === 0) throw new Error("A vector file was cut after it was checked.");
    done += read;
  }
}

function write(file: number, bytes: Uint8Array, at: number): void {
  for (let done = 0; done < bytes.length; ) {
    done += writeSync(file, bytes, done, bytes.length - done, at + done);
  }
}
