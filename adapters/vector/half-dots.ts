// Scalar products of many vectors of 16-bit floats with one: WebAssembly's instructions on four numbers
// at once, a fifth of the time that JavaScript takes, which has no such floats. A 16-bit float's bits,
// moved by 13, are those of a 32-bit float, but for 2^112, which the one vector is multiplied by instead.
// Every such pattern is a finite number: what lies behind a vector is multiplied by zeros.

/** What is used of it; the types of Node.js do not name it. */
declare const WebAssembly: {
  readonly Module: new (code: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: unknown };
};

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
const PAGE_BYTES = 64 * 1_024;
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
    const instance = new WebAssembly.Instance(new WebAssembly.Module(moduleOf(loop())));
    this.#exports = instance.exports as Exports;
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

type Code = readonly number[];

// Locals of the function, parameters first.
const [ROWS, ROWS_END, ROW_BYTES, VECTOR, VECTOR_END, PRODUCTS] = [0, 1, 2, 3, 4, 5];
const [HALVES_PLACE, VECTOR_PLACE, SUM, OTHER_SUM, HALVES] = [6, 7, 8, 9, 10];
const I32 = 0x7f;
const V128 = 0x7b;

const get = (local: number): Code => [0x20, local];
const set = (local: number): Code => [0x21, local];
const tee = (local: number): Code => [0x22, local];
const number = (value: number): Code => [0x41, ...unsigned(value)];
const addInt: Code = [0x6a];
const isLess: Code = [0x49];
const add: Code = [0x92];
const store: Code = [0x38, 2, 0];
const end: Code = [0x0b];
const loopFrom: Code = [0x03, 0x40];
const again: Code = [0x0d, 0];
const wide = (instruction: number, ...rest: Code): Code => [
  0xfd,
  ...unsigned(instruction),
  ...rest,
];
const load = (offset: number): Code => wide(0x00, 0, offset);
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
  const advance = (local: number, by: Code): Code => [...get(local), ...by, ...addInt];
  return [
    ...loopFrom,
    ...[...get(ROWS), ...set(HALVES_PLACE), ...get(VECTOR), ...set(VECTOR_PLACE)],
    ...[...four([0, 0, 0, 0]), ...tee(SUM), ...set(OTHER_SUM)],
    ...loopFrom,
    ...[...get(HALVES_PLACE), ...load(0), ...set(HALVES)],
    ...[...sum(SUM, lowHalves, 0), ...sum(OTHER_SUM, highHalves, 16)],
    ...[...advance(HALVES_PLACE, number(16)), ...set(HALVES_PLACE)],
    ...[...advance(VECTOR_PLACE, number(32)), ...tee(VECTOR_PLACE)],
    ...[...get(VECTOR_END), ...isLess, ...again],
    ...end,
    ...[...get(SUM), ...get(OTHER_SUM), ...addFour, ...set(SUM)],
    ...get(PRODUCTS),
    ...[...get(SUM), ...lane(0), ...get(SUM), ...lane(1), ...add],
    ...[...get(SUM), ...lane(2), ...get(SUM), ...lane(3), ...add],
    ...[...add, ...store],
    ...[...advance(PRODUCTS, number(4)), ...set(PRODUCTS)],
    ...[...advance(ROWS, get(ROW_BYTES)), ...tee(ROWS)],
    ...[...get(ROWS_END), ...isLess, ...again],
    ...end,
  ];
}

/** A module of one function and its memory. */
function moduleOf(body: Code): Uint8Array {
  const locals = [2, 2, I32, 3, V128];
  const code = [...locals, ...body, ...end];
  const named = (name: string, kind: number): Code => [
    ...[name.length, ...Buffer.from(name)],
    ...[kind, 0],
  ];
  const section = (id: number, bytes: Code): Code => [id, ...unsigned(bytes.length), ...bytes];
  return Uint8Array.from([
    ...[...Buffer.from("\0asm"), 1, 0, 0, 0],
    ...section(1, [1, 0x60, 6, I32, I32, I32, I32, I32, I32, 0]),
    ...section(3, [1, 0]),
    ...section(5, [1, 0, ...unsigned(Math.ceil(END / PAGE_BYTES))]),
    ...section(7, [2, ...named("memory", 2), ...named("dots", 0)]),
    ...section(10, [1, ...unsigned(code.length), ...code]),
  ]);
}

/** Seven bits a byte, the lowest first; also a signed number's, where it is below 64. */
function unsigned(value: number): Code {
  const bytes: number[] = [];
  let left = value;
  do {
    const more = left > 127;
    bytes.push((left & 127) | (more ? 128 : 0));
    left >>>= 7;
  } while (left > 0);
  return bytes;
}
