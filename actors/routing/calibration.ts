// From scores to a probability: how often a best candidate with such scores was right and the message
// meant for anybody at all. A logistic curve fitted on four public intent sets at once, cut into
// supervisors of 3 to 150 sub-agents with 3 to 10 examples, with a seventh of the messages meant for
// sub-agents that were left out; checked on each set by a curve fitted on the other three.

/** What the classifier says of its best candidate. */
export interface Evidence {
  /** Score of the best, about a cosine. */
  readonly score: number;
  /** How far the second one is behind. */
  readonly lead: number;
  /** Share of the best in a softmax over all. */
  readonly share: number;
  /** Sub-agents that were compared. */
  readonly choices: number;
}

const CURVE = {
  score: -5.33,
  logScore: 2.04,
  lead: 11.36,
  share: 2.18,
  logChoices: -0.21,
  constant: 3.88,
} as const;
const SCORE_MIN = 0.001;

/** Probability that the best candidate is the right one, 0..1. */
export function probabilityOf({ score, lead, share, choices }: Evidence): number {
  const sum =
    CURVE.score * score +
    CURVE.logScore * Math.log(Math.max(SCORE_MIN, score)) +
    CURVE.lead * lead +
    CURVE.share * share +
    CURVE.logChoices * Math.log(choices) +
    CURVE.constant;
  return 1 / (1 + Math.exp(-sum));
}
