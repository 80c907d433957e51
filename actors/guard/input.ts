// What guardrails see of the input of a run. Types only.

import type { RunContext } from "../../runtime/actor.ts";
import type { Ports } from "../ports.ts";
import type { TurnReference } from "../turn-input.ts";

/** What is asked. */
export interface Said {
  readonly text: string;
  readonly data?: Readonly<Record<string, unknown>>;
}

/** Input of a run that answers, as far as it matters here. */
export interface GuardedInput extends TurnReference {
  readonly task?: Said & { readonly asSent?: true };
  /** It repeats an answer. */
  readonly adopt?: unknown;
}

/** Who speaks in the run of another, e.g. for a team: what is asked of it, and what it speaks in. */
export interface Speaking<A extends Said> {
  /** Its words go through its own chain and those of the run. */
  readonly context: RunContext<Ports>;
  /** With what its own rules leave of it. */
  readonly asked: A;
  /** Of the run: with what was found, where no chain but its own does that. */
  ended<R extends object>(result: R): R;
}
