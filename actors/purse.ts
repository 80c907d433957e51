// A tenant's money as runs use it: the price of a call is taken, or what a model may cost is reserved,
// before the call goes out, so that neither balance nor budget is ever overspent. What a run took and did
// not get, it gives back in the transaction of its end; what is reserved is settled after each call, and
// with the run's end (money/purse-book.ts). One for each root of runs, on the worker of those runs: no
// thread is crossed, and nobody waits for others' purses.

import { defineActor } from "../runtime/actor.ts";
import { chargeReads } from "./money/charges.ts";
import type { BudgetLine } from "./money/lines.ts";
import type { PurseCallMessage } from "./money/messages.ts";
import {
  close,
  limitTold,
  type PurseState,
  purseReads,
  reserve,
  settle,
  settleBooked,
} from "./money/purse-book.ts";
import { takeCharge } from "./reply.ts";

/** What it is told of prices. The reply is what was taken; refused with BALANCE_EXHAUSTED, it is nothing. */
export interface TakeMessage {
  readonly type: "take";
  readonly priceMicros: number;
  /** Budgets that it counts for. */
  readonly charges?: readonly BudgetLine[];
}

/** Kind `purse`. Version 1 has no state, or that of what is reserved. */
export const purseActor = defineActor<PurseState | null, TakeMessage | PurseCallMessage>({
  kind: "purse",
  version: 1,
  initial: () => null,
  reads: (message, state) =>
    message.type === "take" ? chargeReads(message.charges) : purseReads(message, state),
  receive(state, message, turn) {
    switch (message.type) {
      case "take":
        takeCharge(turn, message.priceMicros, message.charges);
        turn.reply(message.priceMicros);
        return state;
      case "reserve":
        return reserve(state, message, turn);
      case "settle":
        return settle(state, message, turn);
      case "book":
        return settleBooked(state, message, turn);
      case "close":
        return close(state, message.run, turn);
      case "count-calls":
      case "await-limit":
      case "unlimit":
        return limitTold(state, message, turn);
      case "wake":
        turn.decideRun(message.run, message.key, null);
        return state;
    }
  },
});
