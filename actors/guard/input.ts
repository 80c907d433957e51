// What guardrails see of the input of a run. Types only.

import type { TurnReference } from "../turn-input.ts";

/** Input of a run that answers, as far as it matters here. */
export interface GuardedInput extends TurnReference {
  readonly task?: {
    readonly text: string;
    readonly data?: Readonly<Record<string, unknown>>;
    readonly asSent?: true;
  };
  /** It repeats an answer. */
  readonly adopt?: unknown;
}
