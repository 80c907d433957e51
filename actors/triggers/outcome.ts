// The outcome of a conversation's run, as triggers that listen to who answered are told it.

import type { Outcome, Turn } from "../../runtime/actor.ts";
import { addressParts } from "../../runtime/address.ts";
import { toldOfRun } from "../../runtime/errors.ts";
import type { Entry } from "../conversation-state.ts";
import { tellListeners, toldText } from "./listeners.ts";

/** Tells it. @param text of the answer; undefined where there is none. */
export function tellOutcome(
  turn: Turn,
  { run, tells = [] }: Pick<Entry, "run" | "tells">,
  { of, outcome, text = "" }: { of: string; outcome: Outcome; text: string | undefined },
): void {
  tellListeners(turn, () => {
    const { status } = outcome;
    const became = status === "completed" || status === "cancelled" ? status : "failed";
    const error = outcome.status === "completed" ? null : toldOfRun(outcome.error, run);
    const { root: conversation } = addressParts(turn.self);
    const data = {
      ...{ run_id: run, target: of, outcome: became, conversation_key: conversation },
      text: toldText(text),
      error: error && { code: error.code, message: error.message },
    };
    const depth = 1 + Math.max(-1, ...tells.map((one) => one.depth ?? -1));
    return { what: "run", of, outcome: became, key: `run:${run}`, atMs: turn.nowMs, data, depth };
  });
}
