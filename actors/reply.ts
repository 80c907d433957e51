// What the end of a run means for its caller and for the books: the reply in the end frame, the
// ledger row, the money given back. Used by every actor that starts answering runs.

import type { Outcome, Turn } from "../runtime/actor.ts";
import type { ErrorData } from "../runtime/errors.ts";
import { type Charged, type ChargeLine, giveToBudgets, takeFromBudgets } from "./money/charges.ts";
import {
  balanceCounter,
  type Charge,
  type ChatReply,
  freshLedgerTable,
  type LedgerRow,
} from "./records/conversation.ts";
import { unitsOf } from "./records/price.ts";
import type { TurnResult } from "./turn-input.ts";

/** A run that was paid for. */
export interface Paid {
  readonly run: string;
  readonly service: string;
  readonly keyId?: string;
  /** What answered: an agent, a team or a workflow. */
  readonly agent: string;
  /** Price of one call, and how many calls the run answers. */
  readonly priceMicros: number;
  readonly calls: number;
  /** What was taken from budgets for them. */
  readonly charged?: Charged;
}

/** The refusal of a call that the balance does not hold. */
function notCovered(priceMicros: number): ErrorData {
  const message = `The balance does not cover this call, which costs ${unitsOf(priceMicros)}.`;
  return { code: "BALANCE_EXHAUSTED", message };
}

/**
 * Takes the price in the accept's transaction, and what of budgets counts it. The turn is undone when the
 * balance or a budget does not hold it.
 */
export function takeCharge(
  turn: Turn,
  priceMicros: number,
  lines?: readonly ChargeLine[],
): Charged {
  if (priceMicros === 0) return {};
  turn.add(balanceCounter, -priceMicros, {
    min: 0,
    otherwise: notCovered(priceMicros),
  });
  return takeFromBudgets(turn, priceMicros, lines);
}

/**
 * Writes the ledger row and gives the money back when nothing was delivered. A cancelled or
 * interrupted answer whose beginning was shown has been delivered as far as it went.
 */
export function settle(turn: Turn, paid: Paid, outcome: Outcome): Charge {
  const isDelivered =
    outcome.status === "completed" || (outcome.status === "cancelled" && !!outcome.shown);
  const taken = paid.priceMicros * paid.calls;
  // Adds 0 too: the end frame then says the balance after the commit.
  if (taken > 0) turn.add(balanceCounter, isDelivered ? 0 : taken);
  if (!isDelivered) giveToBudgets(turn, paid.charged);
  const charge = chargeOf(paid.priceMicros, isDelivered ? paid.calls : 0);
  const id = turn.newId("le");
  const row: LedgerRow = {
    id,
    at: new Date(turn.nowMs).toISOString(),
    service: paid.service,
    run_id: paid.run,
    key_id: paid.keyId ?? null,
    agent_id: paid.agent,
    charge,
    // A run that did not complete has written a row of its own for what it spent (spend.ts).
    spend: outcome.status === "completed" ? (outcome.result as TurnResult).usage : null,
    outcome: outcome.status,
  };
  turn.putRow(freshLedgerTable, id, row);
  return chargeOf(paid.priceMicros, isDelivered ? 1 : 0);
}

/** The reply of a completed run. */
export function replyOf(
  result: TurnResult,
  known: Pick<ChatReply, "agent_key" | "conversation_key" | "message_id" | "run_id" | "charge">,
): ChatReply {
  return {
    response: result.text,
    ...known,
    routing_info: result.routing,
    frontend_trigger: result.trigger,
    data_collection: result.data,
    sources: result.sources,
    ...(result.nothingRelevant && { nothing_relevant: true }),
    ...(result.degraded && { degraded: result.degraded }),
    ...(result.memories === undefined ? {} : { memories: result.memories }),
    ...(result.unseenPictures && { unseen_pictures: result.unseenPictures }),
    usage: result.usage,
    model: result.model,
    builtin: result.builtin,
    finish_reason: result.finishReason,
    ...(result.stopSequence !== undefined && { stop_sequence: result.stopSequence }),
    ...(result.toolCalls && { tool_calls: result.toolCalls }),
    ...(result.unperformedCalls && { unperformed_calls: result.unperformedCalls }),
    ...(result.ownRounds && { own_rounds: result.ownRounds }),
    ...(result.escalatedTo === undefined ? {} : { escalated_to: result.escalatedTo }),
    ...(result.output === undefined ? {} : { output: result.output }),
    ...(result.guardrails && { guardrails: result.guardrails }),
  };
}

function chargeOf(unitPriceMicros: number, units: number): Charge {
  return { units, unitPriceMicros, micros: unitPriceMicros * units };
}
