// Actors that keep each other waiting in ways the chain of an ask cannot see: one that has a run under
// way answers a question only after that run has ended.

import { defineActor, defineRun, type RunEnded } from "../../runtime/actor.ts";
import type { Address } from "../../runtime/address.ts";

/** Starts a run that asks `to`. The answer is waited for at most `timeoutMs`. */
export interface Start {
  readonly type: "start";
  readonly to: Address;
  readonly timeoutMs: number;
}

type Message = Start | { readonly type: "question" } | RunEnded;

interface State {
  readonly busy: string | null;
  /** Runs that answer, held until this actor has nothing under way. */
  readonly held: readonly string[];
}

const party = defineActor<State, Message>({
  kind: "party",
  version: 1,
  initial: () => ({ busy: null, held: [] }),
  receive(state, message, turn) {
    switch (message.type) {
      case "start": {
        const { to, timeoutMs } = message;
        const busy = turn.startRun({ kind: "asker", input: { to, timeoutMs } });
        turn.reply({ run: busy }, { follow: busy });
        return { ...state, busy };
      }
      case "question": {
        const isHeld = state.busy !== null;
        const run = turn.startRun({ kind: "answer", input: null, held: isHeld });
        turn.reply({ run }, { follow: run });
        return isHeld ? { ...state, held: [...state.held, run] } : state;
      }
      case "run-ended":
        turn.reply(message.outcome.status);
        if (message.run !== state.busy) return state;
        for (const run of state.held) turn.releaseRun(run);
        return { busy: null, held: [] };
    }
  },
});

const asker = defineRun<{ to: Address; timeoutMs: number }, unknown, unknown>({
  kind: "asker",
  run: ({ to, timeoutMs }, context) =>
    context.ask("question", to, { type: "question" }, { timeoutMs }),
});

const answer = defineRun<null, string, unknown>({ kind: "answer", run: async () => "answered" });

/** All of them. */
export const parties = [party, asker, answer] as const;
