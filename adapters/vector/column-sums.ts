// Sums of columns of 8-bit numbers, each multiplied by a weight: sixteen rows at once, two columns at a
// time, since that is how WebAssembly multiplies 16-bit numbers into sums of 32 bits.

import {
  addInt,
  advanced,
  again,
  type Code,
  get,
  instanceOf,
  isLess,
  load,
  end as loopEnd,
  loopFrom,
  number,
  set,
  tee,
  wide,
} from "./wasm-code.ts";

interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer };
  /** Addresses of the sums and of their end, of the columns, bytes from one to the next, addresses of the weights and of their end. */
  add(
    ...of: readonly [
      sums: number,
      sumsEnd: number,
      columns: number,
      columnBytes: number,
      weights: number,
      weightsEnd: number,
    ]
  ): void;
}

/** Limits of one call. */
export const columnSumsLimits = {
  /** Rows that are summed at once: what is worked on fits into a core's own cache. */
  rows: 65_536,
  /** Columns, an even number. */
  columns: 4,
  /** Columns of numbers up to 127 that may be summed with weights up to 1,023. */
  allColumns: 16_384,
  weight: 1_023,
} as const;

const { rows: ROWS_MOST, columns: COLUMNS_MOST } = columnSumsLimits;
/** Rows of one step of the loop. */
export const ROWS_STEP = 16;
const SUM_BYTES = 4;
const WEIGHT_BYTES = 2;
const SUMS_AT = COLUMNS_MOST * WEIGHT_BYTES;
const COLUMNS_AT = SUMS_AT + ROWS_MOST * SUM_BYTES;
const END = COLUMNS_AT + COLUMNS_MOST * ROWS_MOST;

/** One for a thread: filled, summed and read in one go. */
export class ColumnSums {
  /** Columns are put here, each from a multiple of `columnSumsLimits.rows` on. */
  readonly columns: Uint8Array;
  /** Weights of the columns; 0 of what is no column. */
  readonly weights: Int16Array;
  readonly #sums: Int32Array;
  readonly #exports: Exports;

  constructor() {
    this.#exports = instanceOf({
      ...{ name: "add", parameters: 6, numbers: 2, wides: 8 },
      ...{ body: loop(), memoryBytes: END },
    }) as Exports;
    const { buffer } = this.#exports.memory;
    this.weights = new Int16Array(buffer, 0, COLUMNS_MOST);
    this.#sums = new Int32Array(buffer, SUMS_AT, ROWS_MOST);
    this.columns = new Uint8Array(buffer, COLUMNS_AT, COLUMNS_MOST * ROWS_MOST);
  }

  /** Sums of so many rows begin with 0. */
  clear(rows: number): Int32Array {
    return this.#sums.fill(0, 0, rows);
  }

  /** Adds the columns to the sums. @param rows a multiple of `ROWS_STEP`, at least one. */
  add(rows: number): void {
    const sumsEnd = SUMS_AT + rows * SUM_BYTES;
    this.#exports.add(SUMS_AT, sumsEnd, COLUMNS_AT, ROWS_MOST, 0, SUMS_AT);
  }
}

// Locals of the function, parameters first.
const [SUMS, SUMS_END, COLUMNS, COLUMN_BYTES, WEIGHTS, WEIGHTS_END] = [0, 1, 2, 3, 4, 5];
const [COLUMN, WEIGHT, ONE, OTHER, PAIRS, PAIR_WEIGHTS] = [6, 7, 8, 9, 10, 11];
const FOUR_SUMS = [12, 13, 14, 15] as const;

const bytesFrom = (first: number): Code =>
  wide(0x0d, ...Array.from({ length: 16 }, (_, at) => first + (at >> 1) + (at % 2) * 16));
/** Two columns' numbers of eight rows, in turns. */
const [firstPairs, lastPairs] = [bytesFrom(0), bytesFrom(8)];
const [lowShorts, highShorts] = [wide(0x87), wide(0x88)];
const [addFour, multiplyPairs] = [wide(0xae), wide(0xba)];
const loadTwoWeights = wide(0x09, 0, 0);
const store = (offset: number): Code => wide(0x0b, 0, offset);

/** For sixteen rows after the other: adds the products of two columns after the other to their sums. */
function loop(): Code {
  const sum = (into: number, shorts: Code): Code => [
    ...[...get(into), ...get(PAIRS), ...shorts],
    ...[...get(PAIR_WEIGHTS), ...multiplyPairs, ...addFour, ...set(into)],
  ];
  const pairs = (of: Code): Code => [...get(ONE), ...get(OTHER), ...of, ...set(PAIRS)];
  const next = (into: number): Code => [
    ...[...get(COLUMN), ...load(0), ...set(into)],
    ...[...get(COLUMN), ...get(COLUMN_BYTES), ...addInt, ...set(COLUMN)],
  ];
  const [first, second, third, fourth] = FOUR_SUMS;
  const eachSum = (code: (local: number, offset: number) => Code): Code =>
    FOUR_SUMS.flatMap((local, at) => [...code(local, at * 16)]);
  return [
    ...loopFrom,
    ...eachSum((local, offset) => [...get(SUMS), ...load(offset), ...set(local)]),
    ...[...get(COLUMNS), ...set(COLUMN), ...get(WEIGHTS), ...set(WEIGHT)],
    ...loopFrom,
    ...[...next(ONE), ...next(OTHER)],
    ...[...get(WEIGHT), ...loadTwoWeights, ...set(PAIR_WEIGHTS)],
    ...[...pairs(firstPairs), ...sum(first, lowShorts), ...sum(second, highShorts)],
    ...[...pairs(lastPairs), ...sum(third, lowShorts), ...sum(fourth, highShorts)],
    ...[...advanced(WEIGHT, number(4)), ...tee(WEIGHT)],
    ...[...get(WEIGHTS_END), ...isLess, ...again],
    ...loopEnd,
    ...eachSum((local, offset) => [...get(SUMS), ...get(local), ...store(offset)]),
    ...[...advanced(COLUMNS, number(ROWS_STEP)), ...set(COLUMNS)],
    ...[...advanced(SUMS, number(ROWS_STEP * SUM_BYTES)), ...tee(SUMS)],
    ...[...get(SUMS_END), ...isLess, ...again],
    ...loopEnd,
  ];
}
