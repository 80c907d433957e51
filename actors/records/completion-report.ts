// What an actor is told that has a completion made, such as an evaluation: how it has ended. And what else
// is said to a completion than its messages.

import type { ErrorData } from "../../runtime/errors.ts";
import type { ChatReply, CompletionMessage } from "./conversation.ts";

/** An actor that is told how a completion has ended, and a word of its own that comes back with it. */
export type CompletionReport = NonNullable<CompletionMessage["report"]>;

/** What it is told. */
export interface CompletionEnded {
  readonly type: "completion-ended";
  readonly run: string;
  readonly key: string;
  readonly ended: EndedCompletion;
}

/** How a completion has ended. Money in millionths. */
export interface EndedCompletion {
  readonly run: string;
  /** From accepted to ended. */
  readonly tookMs: number;
  readonly micros: number;
  readonly reply: ChatReply | null;
  readonly error: ErrorData | null;
}

/** What else may be said to a completion. */
export type CompletionControl =
  | { readonly type: "cancel"; readonly reason: string }
  /** Its messages go. */
  | { readonly type: "forget" };
