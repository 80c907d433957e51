// When an alert has something to tell. Pure: from what it told before and what is there now to what it tells
// and remembers, so that whoever decides can store both in the transaction of what it saw.

import type { Alert, AlertNotice, AlertState, BudgetAlert, UsageAlert } from "../records/alert.ts";
import { unitsOf } from "../records/price.ts";
import type { UsageSum } from "./sums.ts";

/** What is there now. Money in millionths. */
export interface Seen {
  readonly balanceMicros: number;
  /** The newest sum of what a usage alert is about that has changed, and its day or month. */
  usage(alert: UsageAlert): { readonly period: string; readonly sum: UsageSum } | null;
  /** Of a budget in its present period; null for one that is gone. */
  budget(alert: BudgetAlert): BudgetSeen | null;
}

/** A budget as it stands. */
export interface BudgetSeen {
  readonly period: string;
  /** Settled, without what is reserved. */
  readonly usedMicros: number;
  readonly limitMicros: number;
}

/** What an alert tells, and what it remembers from then on; null: nothing has changed for it. */
export interface Told {
  readonly state: AlertState;
  readonly notices: readonly Pick<AlertNotice, "type" | "data">[];
}

/** Above its amount by this share, a balance that was low counts as filled up. */
const FILLED_UP = 1.1;

/** Looks at one alert. */
export function tellOf(alert: Alert, state: AlertState, seen: Seen): Told | null {
  switch (alert.type) {
    case "balance": {
      const { belowMicros, name } = alert;
      const { balanceMicros } = seen;
      if (!state.isLow && balanceMicros < belowMicros) {
        const data = { balance: unitsOf(balanceMicros), below: unitsOf(belowMicros), name };
        return { state: { isLow: true }, notices: [{ type: "alert.balance", data }] };
      }
      const isFilled = balanceMicros >= belowMicros * FILLED_UP && balanceMicros >= belowMicros;
      return state.isLow && isFilled ? { state: { isLow: false }, notices: [] } : null;
    }
    case "usage":
      return tellOfUsage(alert, state, seen);
    case "budget":
      return tellOfBudget(alert, state, seen);
  }
}

function tellOfUsage(alert: UsageAlert, state: AlertState, seen: Seen): Told | null {
  const found = seen.usage(alert);
  if (found === null || (state.period !== undefined && found.period <= state.period)) return null;
  const { measure, above, scope, subject, name } = alert;
  const value = measured(found.sum, measure);
  if (value < above) return null;
  const shown = (amount: number): number =>
    measure === "spend" || measure === "charged" ? unitsOf(amount) : amount;
  const data = {
    ...{ measure, scope, subject, period: found.period, name },
    ...{ value: shown(value), above: shown(above) },
  };
  return { state: { period: found.period }, notices: [{ type: "alert.usage", data }] };
}

function measured(sum: UsageSum, measure: UsageAlert["measure"]): number {
  return measure === "tokens" ? sum.prompt + sum.completion : sum[measure];
}

function tellOfBudget(alert: BudgetAlert, state: AlertState, seen: Seen): Told | null {
  const found = seen.budget(alert);
  if (found === null) return null;
  const { period, usedMicros, limitMicros } = found;
  const before = state.period === period ? (state.percentages ?? []) : [];
  const reached = alert.percentages.filter((one) => usedMicros * 100 >= limitMicros * one);
  const fresh = reached.filter((one) => !before.includes(one));
  // A limit that was raised can be reached once more.
  const isSame = reached.length === before.length && fresh.length === 0;
  if (isSame && (state.period === period || reached.length === 0)) return null;
  const { budget, name } = alert;
  // Of several that were passed at once the highest says it all.
  const percentage = Math.max(...fresh);
  const data = { budget, percentage, period, name };
  const amounts = { used: unitsOf(usedMicros), limit: unitsOf(limitMicros) };
  return {
    state: { period, percentages: reached },
    notices: fresh.length === 0 ? [] : [{ type: "alert.budget", data: { ...data, ...amounts } }],
  };
}
