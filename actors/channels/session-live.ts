// A preview of an answer that is shown in the channel while it is written: the session knows of it before it is
// sent, so that the answer takes its place and is not said beside it.

import type { Turn } from "../../runtime/actor.ts";
import type { Receipt } from "./outgoing.ts";
import type { Asked, SessionState } from "./session-state.ts";

/** Told to a session by who shows a preview: before it is sent, and when it is there. */
export interface LiveTold {
  readonly type: "live";
  readonly question: string;
  /** Key that the platform knows it by. */
  readonly key: string;
  readonly receipt?: Receipt;
}

/** Remembers it. Of a question that is answered already nothing more is shown: it is refused. */
export function liveTold(
  state: SessionState,
  { question, key, receipt }: LiveTold,
  turn: Turn,
): SessionState {
  if (!state.asked.some((one) => one.question === question)) {
    turn.refuse({ code: "CONFLICT", message: "The question is answered." });
    return state;
  }
  turn.reply(null);
  const told = (one: Asked): Asked =>
    one.question === question ? { ...one, live: { key, ...(receipt && { receipt }) } } : one;
  return { ...state, asked: state.asked.map(told) };
}
