// Who decides what runs wait for, in a simulation: an actor under the root of those runs. It is asked
// by a durable message, decides by a reminder, and is told when the run has ended without it.

import { type Definition, defineActor } from "../../../runtime/actor.ts";
import { type Address, address, addressParts } from "../../../runtime/address.ts";
import { DECISION } from "./script.ts";

/** What a keeper knows of one question. */
export interface Question {
  readonly run: string;
  readonly key: string;
  readonly state: "pending" | "decided" | "over";
  /** The run has ended after it was decided, and not with the decision. */
  readonly isLate: boolean;
}

/** State of a keeper: its questions by id. */
export interface KeeperState {
  readonly questions: Readonly<Record<string, Question>>;
  readonly wrong: readonly string[];
}

/** What a keeper is told. */
export type KeeperMessage =
  | {
      readonly type: "question";
      readonly id: string;
      readonly run: string;
      readonly key: string;
      readonly inMs: number;
    }
  | { readonly type: "decide"; readonly id: string }
  | { readonly type: "over"; readonly id: string };

/** The keeper for a run. */
export function keeperOf(run: Address): Address {
  const { tenant, root } = addressParts(run);
  return address({ kind: "keeper", tenant, root });
}

/** Kind `keeper`. */
export const keeper = defineActor<KeeperState, KeeperMessage>({
  kind: "keeper",
  version: 1,
  idleMs: 1,
  initial: () => ({ questions: {}, wrong: [] }),
  receive(state, message, turn) {
    const { id } = message;
    const known = state.questions[id];
    const { wrong } = state;
    const now = (question: Question): KeeperState => ({
      questions: { ...state.questions, [id]: question },
      wrong,
    });
    switch (message.type) {
      case "question": {
        if (known) return { ...state, wrong: [...wrong, `${id} was asked twice`] };
        const { run, key, inMs } = message;
        turn.remind(id, turn.nowMs + inMs, { type: "decide", id });
        return now({ run, key, state: "pending", isLate: false });
      }
      case "decide":
        if (known?.state !== "pending") return state;
        turn.decideRun(known.run, known.key, DECISION);
        // The first counts.
        turn.decideRun(known.run, known.key, "something else");
        return now({ ...known, state: "decided" });
      case "over":
        // A run that was stopped before it had asked.
        if (!known) return state;
        if (known.state === "pending") return now({ ...known, state: "over" });
        return now({ ...known, isLate: true });
    }
  },
}) as Definition;
