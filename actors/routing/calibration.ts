// From scores to probabilities: how often a best candidate with such scores was right, and how often
// the message was meant for anybody at all. Two logistic curves fitted on four public intent sets at
// once, cut into supervisors of 3 to 130 sub-agents with 3 to 10 examples, with a quarter of the
// messages meant for nobody: for sub-agents that were left out, or (thrice the weight) from another set. Each was checked
// on each set by a curve fitted on the other three.

/** What the classifier says of its best candidate. */
export interface Evidence {
  /** Score of the best, about a cosine. */
  readonly score: number;
  /** How far the second one is behind. */
  readonly lead: number;
  /** Share of the best in a softmax over all. */
  readonly share: number;
  /** Part of the message that is known from the examples, 0..1. */
  readonly known: number;
  /** Sub-agents that were compared. */
  readonly choices: number;
}

/** The best candidate is the right one. */
const RIGHT = {
  score: -2.15,
  logScore: 1.9,
  lead: 4.61,
  share: 3.3,
  logChoices: -0.03,
  constant: 0.5,
} as const;
/** Somebody is meant: that the words are known counts beside the score, not who of two is meant. */
const INSIDE = {
  logScore: 2.23,
  knownLogScore: 3.01,
  known: 3.8,
  logChoices: -0.57,
  constant: 3.6,
} as const;
const SCORE_MIN = 0.001;

const sigmoid = (sum: number): number => 1 / (1 + Math.exp(-sum));
const logOf = (score: number): number => Math.log(Math.max(SCORE_MIN, score));

/** Probability that the best candidate is the right one, 0..1, never above `insideOf`. */
export function probabilityOf(evidence: Evidence): number {
  const { score, lead, share, choices } = evidence;
  const right = sigmoid(
    RIGHT.score * score +
      RIGHT.logScore * logOf(score) +
      RIGHT.lead * lead +
      RIGHT.share * share +
      RIGHT.logChoices * Math.log(choices) +
      RIGHT.constant,
  );
  return Math.min(right, insideOf(evidence));
}

/** Probability that any of the sub-agents is meant, 0..1. */
export function insideOf({ score, known, choices }: Evidence): number {
  return sigmoid(
    (INSIDE.logScore + INSIDE.knownLogScore * known) * logOf(score) +
      INSIDE.known * known +
      INSIDE.logChoices * Math.log(choices) +
      INSIDE.constant,
  );
}
