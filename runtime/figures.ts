// Live figures of all engines as one: counters add up, histograms add up bucket by bucket.

import type { KernelFigures } from "./kernel-port.ts";

/** Sums over all engines; the figures of each stay beside them. */
export interface MergedFigures {
  readonly cells: number;
  readonly runs: number;
  readonly waiting: number;
  readonly counters: Readonly<Record<string, number>>;
  readonly histograms: KernelFigures["histograms"];
}

/** Merges what the engines say. Histograms of one name have the same bounds everywhere. */
export function mergeFigures(all: readonly KernelFigures[]): MergedFigures {
  const counters: Record<string, number> = {};
  const histograms: Record<string, { bounds: readonly number[]; counts: number[]; sum: number }> =
    {};
  let [cells, runs, waiting] = [0, 0, 0];
  for (const figures of all) {
    cells += figures.cells;
    runs += figures.runs;
    waiting += figures.waiting;
    for (const [name, value] of Object.entries(figures.counters)) {
      counters[name] = (counters[name] ?? 0) + value;
    }
    for (const [name, { bounds, counts, sum }] of Object.entries(figures.histograms)) {
      const merged = histograms[name];
      if (merged === undefined) histograms[name] = { bounds, counts: [...counts], sum };
      else {
        merged.sum += sum;
        counts.forEach((count, at) => {
          merged.counts[at] = (merged.counts[at] ?? 0) + count;
        });
      }
    }
  }
  return { cells, runs, waiting, counters, histograms };
}
