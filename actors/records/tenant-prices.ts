// What one tenant pays for operations where that is not what the configuration says: a row of its own with
// the prices that held, hold and will hold. Pure.

import type { OperationPrices, PricedOperation } from "../money/catalogue.ts";

/** Table of a tenant, with one row. */
export const tenantPricesTable = "prices";
export const TENANT_PRICES = "services";
/** Changes that are kept; of more the oldest go. */
export const PRICE_CHANGES_MAX = 100;

/** Prices from a time on, in millionths; what is not named is as configured. */
export interface PriceChange {
  readonly from: string;
  readonly operations: Partial<Readonly<Record<PricedOperation, number>>>;
}

/** The row: in order of time. */
export interface TenantPrices {
  readonly changes: readonly PriceChange[];
}

/** The change that holds at a time; undefined: none does yet. */
export function changeAt(row: TenantPrices | undefined, nowMs: number): PriceChange | undefined {
  return row?.changes.findLast(({ from }) => Date.parse(from) <= nowMs);
}

/** What operations cost the tenant then. */
export function operationsAt(
  row: TenantPrices | undefined,
  configured: OperationPrices,
  nowMs: number,
): OperationPrices {
  const change = changeAt(row, nowMs);
  return change === undefined ? configured : { ...configured, ...change.operations };
}

/** With one more: from its time on it holds, and what was to hold later is gone. */
export function withChange(row: TenantPrices | undefined, change: PriceChange): TenantPrices {
  const before = (row?.changes ?? []).filter(
    ({ from }) => Date.parse(from) < Date.parse(change.from),
  );
  return { changes: [...before, change].slice(-PRICE_CHANGES_MAX) };
}
