// The logistic function: what a model gives for "these belong together" as a share of 1.

/** 0..1; a half at 0. */
export function shareOf(logit: number): number {
  return 1 / (1 + Math.exp(-logit));
}
