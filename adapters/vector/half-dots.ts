// Scalar products of many vectors of 16-bit floats with one: WebAssembly's instructions on four numbers
// at once, a fifth of the time that JavaScript takes, which has no such floats. A 16-bit float's bits,
// moved by 13, are those of a 32-bit float, but for 2^112, which the one vector is multiplied by instead.
// Every such pattern is a finite number: what lies behind a vector is multiplied by zeros.

import {
  addFloat,
  advanced,
  again,
  type Code,
  end,
  get,
  instanceOf,
  isLess,
  load,
  loopFrom,
  number,
  set,
  storeFloat,
  tee,
  wide,
} from "./wasm-code.ts";

interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer };
  /** Addresses of the vectors and of their end, bytes of one, addresses of the question and of its end, and of the products. */
  dots(
    ...of: readonly [
      rows: number,
      rowsEnd: number,
      rowBytes: number,
      vector: number,
      vectorEnd: number,
      products: number,
    ]
  ): void;
}

/** Limits of one call. */
export const halfDotsLimits = {
  /** Numbers of a vector; the largest that an embedder may give. */
  dimension: 16_384,
  /** Vectors, and their bytes: at least one of the largest. */
  rows: 4_096,
  rowsBytes: 256 * 1_024,
} as const;

const FLOAT_BYTES = 4;
const HALF_BYTES = 2;
/** Numbers that one step of the loop takes. */
const STEP = 8;
const SCALE = 2 ** 112;
const PRODUCTS_AT = halfDotsLimits.dimension * FLOAT_BYTES;
const ROWS_AT = PRODUCTS_AT + halfDotsLimits.rows * FLOAT_BYTES;
const END = ROWS_AT + halfDotsLimits.rowsBytes + STEP * HALF_BYTES;

/** A vector as `HalfDots` takes it. */
export class HalfQuestion {
  readonly dimension: number;
  readonly scaled: Float32Array;

  constructor(vector: Float32Array) {
    this.dimension = vector.length;
    this.scaled = new Float32Array(Math.ceil(vector.length / STEP) * STEP);
    for (let at = 0; at < vector.length; at += 1) this.scaled[at] = (vector[at] ?? 0) * SCALE;
  }
}

/** One for a thread: filled, asked and read in one go. */
export class HalfDots {
  /** Vectors are put here, one after the other. */
  readonly rows: Uint8Array;
  readonly #exports: Exports;
  readonly #vector: Float32Array;
  readonly #products: Float32Array;

  constructor() {
    this.#exports = instanceOf({
      ...{ name: "dots", parameters: 6, numbers: 2, wides: 3 },
      ...{ body: loop(), memoryBytes: END },
    }) as Exports;
    const { buffer } = this.#exports.memory;
    this.#vector = new Float32Array(buffer, 0, halfDotsLimits.dimension);
    this.#products = new Float32Array(buffer, PRODUCTS_AT, halfDotsLimits.rows);
    this.rows = new Uint8Array(buffer, ROWS_AT, halfDotsLimits.rowsBytes);
  }

  /** The product of each of the first `count` vectors, until the next call. @param count at least 1. */
  products({ scaled, dimension }: HalfQuestion, count: number): Float32Array {
    this.#vector.set(scaled);
    const rowBytes = dimension * HALF_BYTES;
    const rowsEnd = ROWS_AT + count * rowBytes;
    this.#exports.dots(ROWS_AT, rowsEnd, rowBytes, 0, scaled.byteLength, PRODUCTS_AT);
    return this.#products;
  }
}

// Locals of the function, parameters first.
const [ROWS, ROWS_END, ROW_BYTES, VECTOR, VECTOR_END, PRODUCTS] = [0, 1, 2, 3, 4, 5];
const [HALVES_PLACE, VECTOR_PLACE, SUM, OTHER_SUM, HALVES] = [6, 7, 8, 9, 10];

const four = (bytes: Code): Code => wide(0x0c, ...bytes, ...bytes, ...bytes, ...bytes);
const lane = (at: number): Code => wide(0x1f, at);
const [lowHalves, highHalves] = [wide(0xa7), wide(0xa8)];
const [shiftLeft, and, addFour, multiplyFour] = [wide(0xab), wide(0x4e), wide(0xe4), wide(0xe6)];
/** The sign, and what 15 bits moved by 13 leave. */
const floatBits = four([0x00, 0xe0, 0xff, 0x8f]);

/** For every vector: sums its products with the question, eight at a time in two times four sums. */
function loop(): Code {
  const floats = (halves: Code): Code => [
    ...[...get(HALVES), ...halves],
    ...[...number(13), ...shiftLeft, ...floatBits, ...and],
  ];
  const sum = (into: number, halves: Code, offset: number): Code => [
    ...get(into),
    ...[...floats(halves), ...get(VECTOR_PLACE), ...load(offset), ...multiplyFour],
    ...[...addFour, ...set(into)],
  ];
  return [
    ...loopFrom,
    ...[...get(ROWS), ...set(HALVES_PLACE), ...get(VECTOR), ...set(VECTOR_PLACE)],
    ...[...four([0, 0, 0, 0]), ...tee(SUM), ...set(OTHER_SUM)],
    ...loopFrom,
    ...[...get(HALVES_PLACE), ...load(0), ...set(HALVES)],
    ...[...sum(SUM, lowHalves, 0), ...sum(OTHER_SUM, highHalves, 16)],
    ...[...advanced(HALVES_PLACE, number(16)), ...set(HALVES_PLACE)],
    ...[...advanced(VECTOR_PLACE, number(32)), ...tee(VECTOR_PLACE)],
    ...[...get(VECTOR_END), ...isLess, ...again],
    ...end,
    ...[...get(SUM), ...get(OTHER_SUM), ...addFour, ...set(SUM)],
    ...get(PRODUCTS),
    ...[...get(SUM), ...lane(0), ...get(SUM), ...lane(1), ...addFloat],
    ...[...get(SUM), ...lane(2), ...get(SUM), ...lane(3), ...addFloat],
    ...[...addFloat, ...storeFloat],
    ...[...advanced(PRODUCTS, number(4)), ...set(PRODUCTS)],
    ...[...advanced(ROWS, get(ROW_BYTES)), ...tee(ROWS)],
    ...[...get(ROWS_END), ...isLess, ...again],
    ...end,
  ];
}
