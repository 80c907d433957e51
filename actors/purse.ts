// A tenant's balance as runs use it that work after the answer: the price of a call is taken before the
// call goes out, so that a budget is never overspent. What a run took and did not get, it gives back in
// the transaction of its end. Named after the root of the run, so that nobody waits for others' purses.

import { defineActor } from "../runtime/actor.ts";
import { type Address, address, addressParts } from "../runtime/address.ts";
import { takeCharge } from "./reply.ts";

/** What it is told. The reply is what was taken; refused with BALANCE_EXHAUSTED, it is nothing. */
export interface TakeMessage {
  readonly type: "take";
  readonly priceMicros: number;
}

const KIND = "purse";

/** Address of the one that a run asks. */
export function purseAddress(run: Address): Address {
  const { tenant, root } = addressParts(run);
  return address({ kind: KIND, tenant, root });
}

/** Kind `purse`. */
export const purseActor = defineActor<null, TakeMessage>({
  kind: KIND,
  version: 1,
  initial: () => null,
  receive(state, { priceMicros }, turn) {
    takeCharge(turn, priceMicros);
    turn.reply(priceMicros);
    return state;
  },
});
