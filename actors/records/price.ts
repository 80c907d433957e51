// What an operation costs as it is kept and shown. Inside the system money is whole millionths,
// because sums of fractions drift. The prices themselves: money/catalogue.ts.

import type { Charge } from "./conversation.ts";

/** Millionths of the account's unit. */
export const MICROS = 1_000_000;

/** Charge of one operation. */
export function chargeOf(unitPriceMicros: number, units = 1): Charge {
  return { units, unitPriceMicros, micros: Math.round(units * unitPriceMicros) };
}

/** Nothing to pay. */
export const noCharge: Charge = { units: 1, unitPriceMicros: 0, micros: 0 };

/** The `cost` of document 001: `tokens` is the amount charged, `balance` what is left. */
export interface Cost {
  readonly units: number;
  readonly unit_price: number;
  readonly tokens: number;
  readonly balance: number;
}

/** A charge as responses show it. The quotient of integers is the double nearest to the decimal. */
export function costOf(charge: Charge, balanceMicros: number): Cost {
  return {
    units: charge.units,
    unit_price: charge.unitPriceMicros / MICROS,
    tokens: charge.micros / MICROS,
    balance: balanceMicros / MICROS,
  };
}

/** An amount in units as millionths, rounded to the nearest. */
export function microsOf(amount: number): number {
  return Math.round(amount * MICROS);
}

/** Millionths as units. */
export function unitsOf(micros: number): number {
  return micros / MICROS;
}
