// How sure a difference between two versions is: pure figures over the scores of the same items.

/** A mean with the interval that 95 of 100 resamples lie in. */
export interface Interval {
  readonly mean: number;
  readonly low: number;
  readonly high: number;
}

const RESAMPLES = 2_000;
const TAIL = 0.025;

/**
 * The mean of differences, and its percentile bootstrap interval (Efron 1979). The same differences give
 * the same interval; null of none.
 */
export function bootstrap(differences: readonly number[]): Interval | null {
  const count = differences.length;
  if (count === 0) return null;
  const random = generator(count);
  const means = Array.from({ length: RESAMPLES }, () => {
    let sum = 0;
    for (let at = 0; at < count; at += 1) sum += differences[Math.floor(random() * count)] ?? 0;
    return sum / count;
  }).sort((a, b) => a - b);
  const mean = differences.reduce((sum, one) => sum + one, 0) / count;
  const low = means[Math.floor(TAIL * (RESAMPLES - 1))] ?? mean;
  const high = means[Math.ceil((1 - TAIL) * (RESAMPLES - 1))] ?? mean;
  return { mean, low, high };
}

/** Exact two-sided sign test: how likely so uneven wins and losses are when both are equally good. */
export function signTest(wins: number, losses: number): number {
  const count = wins + losses;
  let term = 0.5 ** count;
  let sum = 0;
  for (let at = 0; at <= Math.min(wins, losses); at += 1) {
    sum += term;
    term = (term * (count - at)) / (at + 1);
  }
  return Math.min(1, 2 * sum);
}

/** Mulberry32: a small generator with a seed, so that a report says the same of the same figures. */
function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
