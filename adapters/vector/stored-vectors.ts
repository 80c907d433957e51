// The vectors of a file of the library, read without it: it has no way to compare a question with some
// of them only. Such a file is, little-endian:
//   2 numbers of 32 bits  vectors, bytes of one
//   vectors               one after the other: 16-bit floats
//   head                  64 bytes, which begin with a mark
//   5 numbers of 64 bits  vectors, neighbours of one, those at the lowest level, highest level, entry
//   levels                16 bits of each vector
//   nodes                 of each: key (64 bits), level (16), then of every level a count (32) and neighbours
// Behind that, where the header says so, come the columns (columns.ts).

import { closeSync, openSync, read, readSync } from "node:fs";
import { setImmediate as nextTurn } from "node:timers/promises";
import { promisify } from "node:util";
import { Best } from "../../actors/knowledge/best.ts";
import type { NearHit, VectorHeader } from "../../actors/knowledge/segment.ts";
import {
  appendColumns,
  type ColumnsLayout,
  columnsBytes,
  columnsQuestion,
  scanColumns,
  scanTakes,
} from "./columns.ts";
import { HalfDots, HalfQuestion, halfDotsLimits } from "./half-dots.ts";

const readLater = promisify(read);
const SIZES_BYTES = 8;
const MARK = "usearch";
const HEAD_BYTES = 64;
const GRAPH_BYTES = 40;
const KEY_BYTES = 8;
const LEVEL_BYTES = 2;
const NEIGHBOUR_BYTES = 4;
const FLOAT_BYTES = 2;
const SLICE_BYTES = 1_024 * 1_024;
/**
 * So many vectors in between are read along: to begin another reading takes as long as to read and
 * compare them.
 */
const READ_ALONG = 6;
/** Comparing goes on so long before the event loop gets its turn, in ms. */
const WORK_MS = 4;

interface Layout {
  readonly rows: number;
  readonly rowBytes: number;
  readonly levelsAt: number;
  readonly neighbours: number;
  readonly lowest: number;
  /** Without the columns. */
  readonly bytes: number;
}

/** What is known of a file before it is opened. */
type Known = Pick<VectorHeader, "bytes" | "dimension" | "count" | "columns">;

/** Slots in growing order, and where the vector of each lies. */
interface Places {
  readonly slots: Float64Array;
  /** Undefined where they lie in the order of slots. */
  readonly rows: Uint32Array | undefined;
  /** Of each row; no slot where the vector was removed. */
  readonly byRow: Float64Array;
}

/** Made by the first comparison of the thread. */
let dots: HalfDots | undefined;

/** Vectors that lie near one another in the file, which are read in one call. */
class Run {
  readonly slots: Float64Array;
  /** Of each slot's vector, from the first. */
  readonly offsets: Uint32Array;
  readonly #most: number;
  count = 0;
  /** Where it begins in the file, and how many vectors long it is. */
  first = 0;
  rows = 0;

  constructor(rowBytes: number) {
    this.#most = Math.min(halfDotsLimits.rows, Math.floor(halfDotsLimits.rowsBytes / rowBytes));
    this.slots = new Float64Array(this.#most);
    this.offsets = new Uint32Array(this.#most);
  }

  goesOnWith(row: number): boolean {
    if (this.count === 0) return true;
    const between = row - this.first - this.rows;
    return between >= 0 && between <= READ_ALONG && row - this.first < this.#most;
  }

  add(slot: number, row: number): void {
    if (this.count === 0) this.first = row;
    this.slots[this.count] = slot;
    this.offsets[this.count] = row - this.first;
    this.count += 1;
    this.rows = row - this.first + 1;
  }

  clear(): void {
    this.count = 0;
    this.rows = 0;
  }
}

/** Vectors in a sealed file. */
export class StoredVectors {
  readonly #file: number;
  readonly #layout: Layout;
  readonly #columns: ColumnsLayout;
  readonly #hasColumns: boolean;
  #places: Promise<Places> | undefined;

  private constructor(file: number, layout: Layout, { dimension, columns = false }: Known) {
    this.#file = file;
    this.#layout = layout;
    const { rows, bytes: columnsAt } = layout;
    this.#columns = { rows, dimension, vectorsAt: SIZES_BYTES, columnsAt };
    this.#hasColumns = columns;
  }

  /** Undefined when the file is not laid out as above. */
  static open(path: string, known: Known): StoredVectors | undefined {
    const file = openSync(path, "r");
    const layout = layoutOf(file, known);
    if (layout !== undefined) return new StoredVectors(file, layout, known);
    closeSync(file);
    return undefined;
  }

  /** The nearest of these slots, compared one by one, nearest first. Slots that are not there are none. */
  async compare(
    vector: Float32Array,
    ranges: Iterable<readonly [first: number, count: number]>,
    limit: number,
  ): Promise<readonly NearHit[]> {
    this.#places ??= this.#readPlaces();
    const { slots, rows } = await this.#places;
    const question = new HalfQuestion(vector);
    const best = new Best(limit);
    const run = new Run(this.#layout.rowBytes);
    let sinceMs = performance.now();
    for (const [first, count] of ranges) {
      for (let at = placeOf(slots, first); at < slots.length; at += 1) {
        const slot = slots[at] ?? 0;
        if (slot >= first + count) break;
        const row = rows?.[at] ?? at;
        if (!run.goesOnWith(row)) {
          this.#compareRun(question, run, best);
          run.clear();
          if (performance.now() - sinceMs >= WORK_MS) {
            await nextTurn();
            sinceMs = performance.now();
          }
        }
        run.add(slot, row);
      }
    }
    this.#compareRun(question, run, best);
    return best.sorted().map(({ slot, score }) => ({ slot, similarity: score }));
  }

  /** The nearest of all that count: exactly, as far as what is coarsely nearest is. */
  async scan(
    vector: Float32Array,
    limit: number,
    counts: (slot: number) => boolean,
  ): Promise<readonly NearHit[]> {
    this.#places ??= this.#readPlaces();
    const { byRow } = await this.#places;
    const scanned = { file: this.#file, layout: this.#columns, slots: byRow };
    const slots = await scanColumns(scanned, columnsQuestion(vector), limit, counts);
    const ranges = slots.map((slot) => [slot, 1] as const);
    return await this.compare(vector, ranges, limit);
  }

  /** Vectors that `compare` takes in the time that a scan with this question takes; without columns too many. */
  scanTakes(vector: Float32Array, limit: number): number {
    return this.#hasColumns ? this.scanWouldTake(vector, limit) : Number.POSITIVE_INFINITY;
  }

  /** The same if there were columns. */
  scanWouldTake(vector: Float32Array, limit: number): number {
    return scanTakes(this.#columns, columnsQuestion(vector), limit);
  }

  /** Writes the columns behind the file, which nobody reads yet. */
  async appendColumns(path: string): Promise<void> {
    await appendColumns(path, this.#columns);
  }

  close(): void {
    closeSync(this.#file);
  }

  #compareRun(question: HalfQuestion, run: Run, best: Best): void {
    if (run.count === 0) return;
    const { rowBytes } = this.#layout;
    dots ??= new HalfDots();
    // Read and compared in one go: nobody else writes into it meanwhile.
    const from = SIZES_BYTES + run.first * rowBytes;
    readSync(this.#file, dots.rows, 0, run.rows * rowBytes, from);
    const products = dots.products(question, run.rows);
    for (let at = 0; at < run.count; at += 1) {
      best.take(products[run.offsets[at] ?? 0] ?? 0, run.slots[at] ?? 0, 0, 0);
    }
  }

  async #readPlaces(): Promise<Places> {
    const { rows, levelsAt, neighbours, lowest, bytes } = this.#layout;
    const levels = await this.#read(levelsAt, rows * LEVEL_BYTES);
    const slots = new Float64Array(rows);
    const base = KEY_BYTES + LEVEL_BYTES + NEIGHBOUR_BYTES * (1 + lowest);
    const each = NEIGHBOUR_BYTES * (1 + neighbours);
    let at = levelsAt + rows * LEVEL_BYTES;
    let slice: Buffer = Buffer.alloc(0);
    let sliceAt = at;
    for (let row = 0; row < rows; row += 1) {
      if (at + KEY_BYTES > sliceAt + slice.length) {
        slice = await this.#read(at, Math.min(SLICE_BYTES, bytes - at));
        sliceAt = at;
      }
      slots[row] = Number(slice.readBigUInt64LE(at - sliceAt));
      at += base + each * levels.readInt16LE(row * LEVEL_BYTES);
    }
    return inOrder(slots);
  }

  async #read(at: number, length: number): Promise<Buffer> {
    const bytes = Buffer.allocUnsafeSlow(length);
    let done = 0;
    while (done < length) {
      const { bytesRead } = await readLater(this.#file, bytes, done, length - done, at + done);
      if (bytesRead === 0) throw new Error("A vector file was cut after it was checked.");
      done += bytesRead;
    }
    return bytes;
  }
}

function layoutOf(
  file: number,
  { bytes: allBytes, dimension, count, columns }: Known,
): Layout | undefined {
  const sizes = readAt(file, 0, SIZES_BYTES);
  if (sizes === undefined) return undefined;
  const [rows, rowBytes] = [sizes.readUInt32LE(0), sizes.readUInt32LE(4)];
  const headAt = SIZES_BYTES + rows * rowBytes;
  const head = readAt(file, headAt, HEAD_BYTES + GRAPH_BYTES);
  if (head?.toString("latin1", 0, MARK.length) !== MARK) return undefined;
  const number = (at: number): number => Number(head.readBigUInt64LE(HEAD_BYTES + at * 8));
  const bytes = allBytes - (columns ? columnsBytes({ rows, dimension }) : 0);
  const isKnown = rowBytes === dimension * FLOAT_BYTES && rows >= count && number(0) === rows;
  const levelsAt = headAt + HEAD_BYTES + GRAPH_BYTES;
  const layout = { rows, rowBytes, levelsAt, neighbours: number(1), lowest: number(2), bytes };
  return isKnown && endOf(file, layout) === bytes ? layout : undefined;
}

/** Where the last node ends. */
function endOf(file: number, { rows, levelsAt, neighbours, lowest }: Layout): number {
  const levels = readAt(file, levelsAt, rows * LEVEL_BYTES);
  let above = 0;
  for (let row = 0; row < rows; row += 1) above += levels?.readInt16LE(row * LEVEL_BYTES) ?? 0;
  const base = LEVEL_BYTES + KEY_BYTES + LEVEL_BYTES + NEIGHBOUR_BYTES * (1 + lowest);
  return levelsAt + rows * base + above * NEIGHBOUR_BYTES * (1 + neighbours);
}

function readAt(file: number, at: number, length: number): Buffer | undefined {
  const bytes = Buffer.allocUnsafeSlow(length);
  return readSync(file, bytes, 0, length, at) === length ? bytes : undefined;
}

/** What was removed has a key that is no slot. */
function inOrder(slots: Float64Array): Places {
  const isSlot = (slot: number): boolean => slot <= Number.MAX_SAFE_INTEGER;
  const isInOrder = slots.every(
    (slot, at) => isSlot(slot) && (at === 0 || slot > (slots[at - 1] ?? 0)),
  );
  if (isInOrder) return { slots, rows: undefined, byRow: slots };
  const rows = Uint32Array.from(slots.keys())
    .filter((row) => isSlot(slots[row] ?? 0))
    .sort((a, b) => (slots[a] ?? 0) - (slots[b] ?? 0));
  return { slots: Float64Array.from(rows, (row) => slots[row] ?? 0), rows, byRow: slots };
}

/** Place of the first slot that is not less. */
function placeOf(slots: Float64Array, slot: number): number {
  let low = 0;
  let high = slots.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((slots[middle] ?? 0) < slot) low = middle + 1;
    else high = middle;
  }
  return low;
}
