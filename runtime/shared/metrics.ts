// What one thread counts and measures, as plain fields and typed arrays: main merges and names them.
// Nothing is counted away and no name is looked up for a message. Only the clock is spared: of what
// is told in memory a sample is timed, and counts for as many as it stands for (pace.ts).

/** Upper bounds in ms of histograms of times; one more bucket has no bound. */
export const TIME_BOUNDS_MS: readonly number[] = [
  0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 10_000,
];
/** Upper bounds of histograms of counts: messages waiting, rows of a batch. */
export const SIZE_BOUNDS: readonly number[] = [
  1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024, 4_096, 16_384,
];

/** A histogram as data: counts have one more entry than bounds. */
export interface HistogramData {
  readonly bounds: readonly number[];
  readonly counts: readonly number[];
  readonly sum: number;
}

/** A histogram. Its cells may lie in memory that another thread reads. */
export class Histogram {
  readonly #bounds: readonly number[];
  /** A count for each bucket, then the sum. */
  readonly #cells: Float64Array;
  readonly #last: number;

  constructor(
    bounds: readonly number[],
    cells: Float64Array = new Float64Array(bounds.length + 2),
  ) {
    this.#bounds = bounds;
    this.#cells = cells;
    this.#last = bounds.length;
  }

  /** @param times how many such values this one stands for. */
  observe(value: number, times = 1): void {
    const bounds = this.#bounds;
    const cells = this.#cells;
    const last = this.#last;
    let bucket = 0;
    while (bucket < last && value > (bounds[bucket] as number)) bucket += 1;
    (cells[bucket] as number) += times;
    (cells[last + 1] as number) += value * times;
  }

  /** Values observed. */
  get count(): number {
    let count = 0;
    for (let bucket = 0; bucket <= this.#last; bucket += 1) count += this.#cells[bucket] ?? 0;
    return count;
  }

  data(): HistogramData {
    const counts = Array.from(this.#cells.subarray(0, this.#last + 1));
    return { bounds: this.#bounds, counts, sum: this.#cells[this.#last + 1] ?? 0 };
  }
}

/** What is counted of the actors of one kind. */
export class KindMetrics {
  readonly turnMs = new Histogram(TIME_BOUNDS_MS);
  /** From a message's arrival in the mailbox to its turn. */
  readonly queueWaitMs = new Histogram(TIME_BOUNDS_MS);
  /** Messages in the mailbox when one of them is taken, itself included. */
  readonly mailboxDepth = new Histogram(SIZE_BOUNDS);
  /** Turns whose handler has returned. */
  turns = 0;
  turnFailures = 0;
  deadLetters = 0;
  activations = 0;
  hibernations = 0;
  /** Memory thrown away after a failed turn, to be read again. */
  restarts = 0;
}

/** What is counted rarely enough to be counted by name. */
const COUNTERS = [
  "sends",
  "tellsDropped",
  "steps",
  "stepRetries",
  "stepTimeouts",
  "runsStarted",
  "runsEnded",
  "runsResumed",
  "runActivations",
  "runHibernations",
  "recordsTrimmed",
  "seenForgotten",
  "controls",
  "deadLettersDropped",
  "deadLettersReplayed",
  "deadLettersDiscarded",
  "quarantined",
  "quarantineReleased",
  "rowsUnreadable",
  "wakeUpFailures",
  "reminderFailures",
  "releaseFailures",
  "resumeFailures",
  "sweepFailures",
  "deadLetterCountFailures",
] as const;

/** Name of a counter. */
export type CounterName = (typeof COUNTERS)[number];

/** Figures of one thread. */
export class Metrics {
  readonly counters: Record<CounterName, number>;
  readonly kinds = new Map<string, KindMetrics>();

  constructor() {
    const zero = COUNTERS.map((name) => [name, 0] as const);
    this.counters = Object.fromEntries(zero) as Record<CounterName, number>;
  }

  count(name: CounterName, by = 1): void {
    this.counters[name] += by;
  }

  /** Figures of one kind of actor. Kinds are those of the program, so there are few. */
  kind(kind: string): KindMetrics {
    const known = this.kinds.get(kind);
    if (known !== undefined) return known;
    const made = new KindMetrics();
    this.kinds.set(kind, made);
    return made;
  }
}
