// What is kept of a response of OpenAI's Responses protocol beside the run that answers it: what was
// asked, so that it can be read, listed and gone on from. A record of the actor that has taken the
// message, written in the transaction of its accept; the answer itself is the run's.

import type { Turn } from "../../runtime/actor.ts";

/** The kept part of a request. */
export interface ResponseNote {
  /** Seconds since the epoch. */
  readonly created: number;
  readonly background: boolean;
  /** Id of the run that answered what this goes on from; null at the beginning. */
  readonly previous: string | null;
  readonly conversation: string | null;
  /** Items of the input as they were sent, in the long form. */
  readonly items: readonly Readonly<Record<string, unknown>>[];
  /** Members of the response that the request has set. */
  readonly echo: Readonly<Record<string, unknown>>;
}

/** Asks an actor to forget what it keeps of the response of a run. */
export interface ForgetResponse {
  readonly type: "forget-response";
  readonly run: string;
}

/** How long a stateless response is kept, and its input with it. One of a conversation: as long as that. */
export const RESPONSE_DAYS = 30;
const DAY_MS = 86_400_000;

/** Key of the record. */
export function responseKey(run: string): string {
  return `response.${run}`;
}

/** Keeps the note of a run that the same turn has started; `expires`: it is forgotten by itself. */
export function keepResponse(
  turn: Turn,
  of: { readonly run: string; readonly note: ResponseNote; readonly expires: boolean },
): void {
  const key = responseKey(of.run);
  turn.put(key, of.note);
  if (!of.expires) return;
  const message: ForgetResponse = { type: "forget-response", run: of.run };
  turn.remind(key, turn.nowMs + RESPONSE_DAYS * DAY_MS, message);
}

/** Of what a guardrail has blocked nothing is kept. */
export function dropResponse(turn: Turn, run: string): void {
  const key = responseKey(run);
  turn.remove(key);
  turn.forget(key);
}

/** Forgets it. */
export function forgetResponse(turn: Turn, { run }: ForgetResponse): void {
  dropResponse(turn, run);
  if (turn.from === null) turn.reply({ deleted: true });
}
