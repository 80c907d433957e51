// What the judges of an item cost: the price of a grade is taken before the model is asked, and given
// back for one that did not come. The rest stands in the tenant's books with the run's end.

import type { RunContext, Turn } from "../../runtime/actor.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { type Charged, chargedOf, chargeLinesAt, giveBack, isUsedUp } from "../money/charges.ts";
import type { Payer } from "../money/lines.ts";
import { purseAddress } from "../money/messages.ts";
import type { Ports, Usage } from "../ports.ts";
import type { TakeMessage } from "../purse.ts";
import { freshLedgerTable, type LedgerRow } from "../records/conversation.ts";
import { chargeOf } from "../records/price.ts";

/** Service of the ledger's rows. */
const SERVICE = "evaluation-judge";

/** What was paid, and what came. */
export interface JudgeBooks {
  readonly payer: Payer;
  /** Of one grade. */
  readonly priceMicros: number;
  /** What one has taken from budgets. */
  charged?: Charged;
  paid: number;
  graded: number;
  usage: Usage;
}

/** Pays for a grade; false when the balance does not hold it. */
export async function payJudge(
  context: RunContext<Ports>,
  key: string,
  books: JudgeBooks,
): Promise<boolean> {
  const { priceMicros, payer } = books;
  const charges = await chargeLinesAt(context, `pay-at:${key}`, payer);
  const message: TakeMessage = { type: "take", priceMicros, charges };
  try {
    await context.ask(`pay:${key}`, purseAddress(context.self), message);
  } catch (error) {
    if (error instanceof RuntimeError && isUsedUp(error.code)) return false;
    throw error;
  }
  books.paid += 1;
  books.charged = chargedOf(charges, priceMicros);
  return true;
}

/** In the transaction of the run's end. */
export function closeBooks(
  { id: run_id }: RunContext<Ports>,
  write: Pick<Turn, "putRow" | "add" | "newId" | "nowMs">,
  { payer, priceMicros, charged, paid, graded, usage }: JudgeBooks,
): void {
  if (paid === 0) return;
  for (let left = paid - graded; left > 0; left -= 1) giveBack(write, priceMicros, charged);
  const id = write.newId("le");
  const row: LedgerRow = {
    id,
    at: new Date(write.nowMs).toISOString(),
    ...{ service: SERVICE, run_id, key_id: payer.keyId },
    agent_id: payer.agent,
    charge: chargeOf(priceMicros, graded),
    spend: usage,
    outcome: graded === paid ? "completed" : "failed",
  };
  write.putRow(freshLedgerTable, id, row);
}
