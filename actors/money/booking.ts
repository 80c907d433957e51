// How a call that no run's usage holds comes into the ledger: in the turn that settles it.

import type { Turn } from "../../runtime/actor.ts";
import type { Usage } from "../ports.ts";
import { freshLedgerTable, type LedgerRow } from "../records/conversation.ts";
import { type Booking, type CallUse, callMicros } from "./provider-call.ts";

/** Writes it down. @param outcome `unfinished`: nobody knows what it came to, and it counts as it was reserved. */
export function book(
  turn: Pick<Turn, "putRow" | "newId" | "nowMs">,
  { service, runId, keyId, agent }: Booking,
  spend: Usage,
  outcome: "completed" | "unfinished",
): void {
  const id = turn.newId("le");
  const row: LedgerRow = {
    ...{ id, at: new Date(turn.nowMs).toISOString(), service },
    ...{ run_id: runId, key_id: keyId, agent_id: agent || null },
    charge: { units: 0, unitPriceMicros: 0, micros: 0 },
    ...{ spend, outcome },
  };
  turn.putRow(freshLedgerTable, id, row);
}

/** What a call came to: what was not counted as it may have been. Null `use`: nobody knows. */
export function bookedUse(booking: Booking, use: CallUse | null): Usage {
  const { model, price, tokensMax, searchesMax } = booking;
  const { tokens = tokensMax, searches = searchesMax } = use ?? {};
  const isToken = price === null || price.inputMicros > 0 || use?.tokens !== undefined;
  const isGuess =
    (isToken && use?.tokens === undefined) ||
    (price !== null && price.searchMicros > 0 && use?.searches === undefined);
  return {
    promptTokens: isToken ? Math.ceil(tokens) : 0,
    completionTokens: 0,
    model,
    ...(isGuess && { estimated: true }),
    ...(price !== null && { spendMicros: callMicros(price, { tokens, searches }) }),
  };
}
