// Live figures of all engines as one: counters add up, histograms add up bucket by bucket, and what a
// person reads of a histogram is its quantiles.

import type { KernelFigures, KindFigures } from "../kernel/kernel-port.ts";
import type { HistogramData } from "./metrics.ts";

/** Sums over all engines; the figures of each stay beside them. */
export type MergedFigures = Omit<KernelFigures, "worker">;

/** Where the values of a histogram lie: estimates within their bucket. */
export interface Quantiles {
  readonly count: number;
  readonly mean: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
}

const EMPTY: HistogramData = { bounds: [], counts: [], sum: 0 };

/** Merges what the engines say. Histograms of one name have the same bounds everywhere. */
export function mergeFigures(all: readonly KernelFigures[]): MergedFigures {
  const kinds: Record<string, KindFigures> = {};
  for (const figures of all) {
    for (const [kind, of] of Object.entries(figures.kinds)) {
      const known = kinds[kind];
      kinds[kind] = known === undefined ? of : mergeKinds(known, of);
    }
  }
  return {
    cells: sum(all, (one) => one.cells),
    runs: sum(all, (one) => one.runs),
    waiting: sum(all, (one) => one.waiting),
    quarantined: sum(all, (one) => one.quarantined),
    counters: addUp(all.map((one) => one.counters)),
    batchRows: mergeHistograms(all.map((one) => one.batchRows)),
    commitMs: mergeHistograms(all.map((one) => one.commitMs)),
    flushMs: mergeHistograms(all.map((one) => one.flushMs)),
    kinds,
    runKinds: addUp(all.map((one) => one.runKinds)),
  };
}

/** Quantiles of a histogram, linear within a bucket; what is past the last bound counts as that bound. */
export function quantilesOf({ bounds, counts, sum: total }: HistogramData): Quantiles {
  const count = counts.reduce((all, one) => all + one, 0);
  const at = (share: number): number => {
    let below = 0;
    for (const [bucket, inBucket] of counts.entries()) {
      if (inBucket === 0 || below + inBucket < share * count) {
        below += inBucket;
        continue;
      }
      const low = bounds[bucket - 1] ?? 0;
      const high = bounds[bucket] ?? low;
      return round(low + ((high - low) * (share * count - below)) / inBucket);
    }
    return 0;
  };
  const mean = count === 0 ? 0 : round(total / count);
  return { count, mean, p50: at(0.5), p95: at(0.95), p99: at(0.99) };
}

function mergeKinds(a: KindFigures, b: KindFigures): KindFigures {
  return {
    cells: a.cells + b.cells,
    waiting: a.waiting + b.waiting,
    deepest: Math.max(a.deepest, b.deepest),
    counters: addUp([a.counters, b.counters]),
    turnMs: mergeHistograms([a.turnMs, b.turnMs]),
    queueWaitMs: mergeHistograms([a.queueWaitMs, b.queueWaitMs]),
    mailboxDepth: mergeHistograms([a.mailboxDepth, b.mailboxDepth]),
  };
}

function mergeHistograms(all: readonly HistogramData[]): HistogramData {
  const { bounds, counts } = all[0] ?? EMPTY;
  return {
    bounds,
    counts: counts.map((_, bucket) => sum(all, (one) => one.counts[bucket] ?? 0)),
    sum: sum(all, (one) => one.sum),
  };
}

function addUp<Name extends string>(
  all: readonly Readonly<Record<Name, number>>[],
): Record<Name, number> {
  const total = {} as Record<Name, number>;
  for (const one of all) {
    for (const name of Object.keys(one) as Name[]) total[name] = (total[name] ?? 0) + one[name];
  }
  return total;
}

function sum<T>(all: readonly T[], of: (one: T) => number): number {
  return all.reduce((total, one) => total + of(one), 0);
}

/** Six digits say more than was measured. */
function round(value: number): number {
  return Number(value.toPrecision(3));
}
