// Budgets that charges count for, as main reads them before it takes a charge or has a worker take it.

import {
  type ChargeLine,
  type Charging,
  chargeLinesOf,
  chargeRefused,
} from "../../../actors/money/charges.ts";
import { countersOf } from "../../../actors/money/lines.ts";
import { addressParts } from "../../../runtime/address.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import type { Tables, TableWrite } from "../../../runtime/system.ts";

interface Parts {
  readonly tables: Tables;
  nowMs(): number;
}

/** What is about to be charged for: an agent, a team or a workflow, in a conversation or in none. */
type Of = Charging & { readonly tenant: string };

/** The budgets of a charge. */
export function chargesFor(
  { tables, nowMs }: Parts,
  { tenant, ...of }: Of,
): Promise<readonly ChargeLine[]> {
  const row = async (table: string, id: string): Promise<unknown> =>
    (await tables.get(tenant, table, id))?.value;
  return chargeLinesOf(row, of, nowMs());
}

/** A message with the budgets that its price counts for. */
export async function withCharges<
  M extends { readonly priceMicros: number; readonly keyId?: string },
>(
  parts: Parts,
  message: M,
  of: { readonly to: Parameters<typeof addressParts>[0]; readonly agent: string },
): Promise<M & { readonly charges?: readonly ChargeLine[] }> {
  if (message.priceMicros === 0) return message;
  const { tenant, kind, root } = addressParts(of.to);
  const conversation = kind === "conversation" ? root : null;
  const { keyId = null } = message;
  const charges = await chargesFor(parts, { tenant, keyId, agent: of.agent, conversation });
  return charges.length === 0 ? message : { ...message, charges };
}

/** Writes that take a charge from budgets. */
export function budgetWrites(lines: readonly ChargeLine[], micros: number): readonly TableWrite[] {
  if (micros === 0) return [];
  return lines.map((line) => ({
    ...{ type: "add", counter: countersOf(line).used, delta: -micros, min: -line.limitMicros },
  }));
}

/** Throws what a write was refused with: in words of the budget that refused it, if one did. */
export function inBudgets(
  { tables }: Parts,
  of: { readonly tenant: string; readonly lines: readonly ChargeLine[]; readonly micros: number },
): (error: unknown) => Promise<never> {
  return async (error) => {
    const counter = error instanceof RuntimeError ? error.details?.["counter"] : undefined;
    const line = of.lines.find((one) => countersOf(one).used === counter);
    if (line === undefined) throw error;
    const used = await tables.counter(of.tenant, countersOf(line).used);
    throw chargeRefused(line, Math.max(0, line.limitMicros + used), of.micros);
  };
}
