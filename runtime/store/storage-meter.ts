// What a storage thread does, in memory that main reads at any moment, even while the thread waits
// for the disk: what stands in its queue, its transactions, and how long commits and flushes take.

import { Histogram, type HistogramData, SIZE_BOUNDS, TIME_BOUNDS_MS } from "../shared/metrics.ts";

/** Live figures of one storage thread. */
export interface StorageFigures {
  /** Batches and bytes that wait for their transaction. */
  readonly queuedBatches: number;
  readonly queuedBytes: number;
  /** Since the start. */
  readonly transactions: number;
  readonly rows: number;
  readonly refusals: number;
  /** Batches of one transaction. */
  readonly groupBatches: HistogramData;
  readonly commitMs: HistogramData;
  readonly flushMs: HistogramData;
}

const [QUEUED_BATCHES, QUEUED_BYTES, TRANSACTIONS, ROWS, REFUSALS, NUMBERS] = [0, 1, 2, 3, 4, 5];
const SIZE_CELLS = SIZE_BOUNDS.length + 2;
const TIME_CELLS = TIME_BOUNDS_MS.length + 2;
const CELLS = NUMBERS + SIZE_CELLS + 2 * TIME_CELLS;

/** Both threads' view of the figures. The storage thread writes, main reads. */
export class StorageMeter {
  readonly memory: SharedArrayBuffer;
  readonly groupBatches: Histogram;
  readonly commitMs: Histogram;
  readonly flushMs: Histogram;
  readonly #numbers: Float64Array;

  /** New figures, or another thread's view of `memory`. */
  constructor(memory?: SharedArrayBuffer) {
    this.memory = memory ?? new SharedArrayBuffer(CELLS * Float64Array.BYTES_PER_ELEMENT);
    const cells = new Float64Array(this.memory);
    const flushAt = CELLS - TIME_CELLS;
    const commitAt = flushAt - TIME_CELLS;
    this.#numbers = cells.subarray(0, NUMBERS);
    this.groupBatches = new Histogram(SIZE_BOUNDS, cells.subarray(NUMBERS, commitAt));
    this.commitMs = new Histogram(TIME_BOUNDS_MS, cells.subarray(commitAt, flushAt));
    this.flushMs = new Histogram(TIME_BOUNDS_MS, cells.subarray(flushAt));
  }

  queued(batches: number, bytes: number): void {
    this.#add(QUEUED_BATCHES, batches);
    this.#add(QUEUED_BYTES, bytes);
  }

  /** A transaction of `rows` was committed. */
  committed(rows: number, ms: number): void {
    this.#add(TRANSACTIONS, 1);
    this.#add(ROWS, rows);
    this.commitMs.observe(ms);
  }

  refused(): void {
    this.#add(REFUSALS, 1);
  }

  figures(): StorageFigures {
    const [queuedBatches = 0, queuedBytes = 0, transactions = 0, rows = 0, refusals = 0] =
      this.#numbers;
    return {
      ...{ queuedBatches, queuedBytes, transactions, rows, refusals },
      groupBatches: this.groupBatches.data(),
      commitMs: this.commitMs.data(),
      flushMs: this.flushMs.data(),
    };
  }

  #add(at: number, by: number): void {
    this.#numbers[at] = (this.#numbers[at] ?? 0) + by;
  }
}
