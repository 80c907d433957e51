// What a purse writes into the audit: what was refused, what came to more than it was reserved at, and what a
// loss of power has taken.

import type { Turn } from "../../runtime/actor.ts";
import { audit } from "../records/audit.ts";
import type { BudgetLine } from "./lines.ts";
import type { ReserveMessage } from "./messages.ts";

/** The power has failed: calls may have gone out of which nothing is known any more. */
export function tellLost(turn: Turn, run: string, line: BudgetLine, micros: number): void {
  audit(turn, {
    ...{ action: "budget.lost", by: "budget", subject: line.budget, run_id: run },
    details: { lost_micros: micros },
  });
}

/** A provider counted more than it was asked for. It is owed, and the next call finds less, or nothing. */
export function overrun(
  turn: Turn,
  { run, call }: { readonly run: string; readonly call: string },
  held: { readonly lines: readonly Pick<BudgetLine, "budget">[]; readonly micros: number },
  micros: number,
): void {
  audit(turn, {
    action: "budget.overrun",
    by: "budget",
    subject: held.lines.map(({ budget }) => budget).join(" "),
    run_id: run,
    details: { call, reserved_micros: held.micros, settled_micros: micros },
  });
}

/** Once a wait: what comes back to ask again has been refused before. */
export function refused(turn: Turn, message: ReserveMessage, line: BudgetLine): void {
  if (message.place !== null) return;
  audit(turn, {
    outcome: "refused",
    action: line.onExhausted === "pause" ? "budget.pause" : "budget.refuse",
    by: "budget",
    subject: line.budget,
    run_id: message.run,
    details: { call: message.call, limit_micros: line.limitMicros },
  });
}
