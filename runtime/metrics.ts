// Counters and histograms of one thread, as plain arrays: main merges them. Observing costs an
// addition, so nothing here is sampled away.

/** Upper bounds in ms of every histogram; the last bucket has none. */
export const HISTOGRAM_BOUNDS_MS: readonly number[] = [
  0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 10_000,
];

/** A histogram as data. */
export interface Histogram {
  readonly bounds: readonly number[];
  readonly counts: number[];
  sum: number;
}

/** Figures of one thread. */
export class Metrics {
  readonly counters: Record<string, number> = {};
  readonly histograms: Record<string, Histogram> = {};

  count(name: string, by = 1): void {
    this.counters[name] = (this.counters[name] ?? 0) + by;
  }

  observe(name: string, ms: number): void {
    let histogram = this.histograms[name];
    if (histogram === undefined) {
      const counts = new Array<number>(HISTOGRAM_BOUNDS_MS.length + 1).fill(0);
      histogram = { bounds: HISTOGRAM_BOUNDS_MS, counts, sum: 0 };
      this.histograms[name] = histogram;
    }
    let bucket = 0;
    while (bucket < HISTOGRAM_BOUNDS_MS.length && ms > (HISTOGRAM_BOUNDS_MS[bucket] ?? 0))
      bucket += 1;
    histogram.counts[bucket] = (histogram.counts[bucket] ?? 0) + 1;
    histogram.sum += ms;
  }
}
