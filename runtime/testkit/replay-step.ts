// A step that a replayed run asks for, and how it is answered.

import type { Data, Repeat } from "../actor.ts";
import type { StoredStep } from "../runs/run.ts";

/** A step that a replayed run asks for. */
export interface AskedStep {
  readonly path: string;
  readonly key: string;
  readonly what: "step" | "ask" | "send" | "sleep" | "decision" | "now";
  readonly repeat: Repeat;
  /** Performed without a call to the outside. */
  readonly isLocal: boolean;
  readonly stored: StoredStep | undefined;
  /** It is stored under another input, as far as the step names its input. */
  readonly isChanged: boolean;
  /** Performs it for real. Only for `what` "step". */
  call(): Promise<Data>;
}

/** How a step is answered. */
export type Answer =
  | { readonly type: "stored" }
  | { readonly type: "called"; readonly result: Data }
  | { readonly type: "failed"; readonly error: unknown }
  /** The branch stops here: the step would have been performed. */
  | { readonly type: "would"; readonly what: string }
  | { readonly type: "missing" };

/** Answers the steps of a replay. */
export type Answerer = (step: AskedStep) => Answer | Promise<Answer>;
