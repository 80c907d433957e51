// The runs that work on memory outside of a turn, as those who start them know them.

import type { TurnReference } from "../turn-input.ts";

/** Kind of the run that takes in what was said, after a turn. */
export const memoryTurnKind = "memory-turn";

/** Its input. */
export interface MemoryTurnInput extends TurnReference {
  /** Sequence of the answer. */
  readonly answer: number;
  /** Ids of the memories that were given to the model. */
  readonly recalled: readonly string[];
}

/** Kind of the run that forgets a deleted conversation. */
export const forgetKind = "memory-forget";

/** Its input. */
export interface ForgetInput {
  readonly agent: string;
  readonly user: string | null;
  readonly conversation: string;
}
