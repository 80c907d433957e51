// The figures of an evaluation, as pure functions: classification with rejection, calibration,
// ranking, latency.

/** One prediction with a probability, and whether it was right. */
export interface Graded {
  readonly probability: number;
  readonly isRight: boolean;
}

/** A bin of a reliability diagram. */
export interface Bin {
  readonly from: number;
  readonly to: number;
  readonly count: number;
  /** Mean probability and share of right ones; 0 in an empty bin. */
  readonly probability: number;
  readonly accuracy: number;
}

/** Bins of a reliability table. */
export const BINS = 10;

/** Equal-width bins of probability. */
export function reliability(graded: readonly Graded[]): Bin[] {
  return Array.from({ length: BINS }, (_, at) => {
    const inside = graded.filter(
      ({ probability }) => Math.min(BINS - 1, Math.floor(probability * BINS)) === at,
    );
    const count = inside.length;
    const sum = inside.reduce((total, { probability }) => total + probability, 0);
    const right = inside.filter(({ isRight }) => isRight).length;
    return {
      from: at / BINS,
      to: (at + 1) / BINS,
      count,
      probability: count === 0 ? 0 : sum / count,
      accuracy: count === 0 ? 0 : right / count,
    };
  });
}

/** Expected calibration error over those bins, 0..1. */
export function calibrationError(graded: readonly Graded[]): number {
  const gap = reliability(graded).reduce(
    (sum, bin) => sum + bin.count * Math.abs(bin.probability - bin.accuracy),
    0,
  );
  return gap / Math.max(1, graded.length);
}

/** Chance that one of `inside` is above one of `outside`; equals count half. NaN when one is empty. */
export function auroc(inside: readonly number[], outside: readonly number[]): number {
  if (inside.length === 0 || outside.length === 0) return Number.NaN;
  const all = [
    ...inside.map((value) => ({ value, own: 1 })),
    ...outside.map((value) => ({ value, own: 0 })),
  ].sort((a, b) => a.value - b.value);
  let ranks = 0;
  for (let from = 0; from < all.length; ) {
    let to = from;
    while (to < all.length && all[to]?.value === all[from]?.value) to += 1;
    const rank = (from + to + 1) / 2;
    for (let at = from; at < to; at += 1) ranks += all[at]?.own === 1 ? rank : 0;
    from = to;
  }
  const own = inside.length;
  return (ranks - (own * (own + 1)) / 2) / (own * outside.length);
}

/** Mean over the labels of the harmonic mean of precision and recall. */
export function macroF1(
  pairs: readonly { readonly wanted: string; readonly got: string | null }[],
): number {
  const labels = new Set(pairs.map(({ wanted }) => wanted));
  let sum = 0;
  for (const label of labels) {
    const both = pairs.filter((one) => one.wanted === label && one.got === label).length;
    const wanted = pairs.filter((one) => one.wanted === label).length;
    const got = pairs.filter((one) => one.got === label).length;
    sum += (2 * both) / Math.max(1, wanted + got);
  }
  return sum / Math.max(1, labels.size);
}

/** The value below which a share of the numbers lies; 0 for none. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
}

/** Graded relevance of documents to one query. */
export type Relevance = ReadonlyMap<string, number>;

/** Normalised discounted cumulative gain of the first `depth` documents. */
export function ndcg(found: readonly string[], relevant: Relevance, depth: number): number {
  const gain = (grades: readonly number[]): number =>
    grades
      .slice(0, depth)
      .reduce((sum, grade, at) => sum + (2 ** grade - 1) / Math.log2(at + 2), 0);
  const ideal = gain([...relevant.values()].sort((a, b) => b - a));
  return ideal === 0 ? 0 : gain(found.map((id) => relevant.get(id) ?? 0)) / ideal;
}

/** Share of the relevant documents among the first `depth`. */
export function recall(found: readonly string[], relevant: Relevance, depth: number): number {
  const wanted = [...relevant].filter(([, grade]) => grade > 0).map(([id]) => id);
  const top = new Set(found.slice(0, depth));
  return wanted.filter((id) => top.has(id)).length / Math.max(1, wanted.length);
}

/** 1 / place of the first relevant document; 0 when none was found. */
export function reciprocalRank(found: readonly string[], relevant: Relevance): number {
  const at = found.findIndex((id) => (relevant.get(id) ?? 0) > 0);
  return at < 0 ? 0 : 1 / (at + 1);
}
