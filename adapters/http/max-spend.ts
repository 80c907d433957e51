// `max_spend`: what the run that a request begins may spend at models, with all runs below it. In bodies of
// our own, and where a protocol leaves room for an application's fields; where it does not, a header.

import { microsOf } from "../../actors/records/price.ts";
import { type Static, Type } from "../../actors/schema.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import type { HttpRequest } from "./server.ts";

const MOST = 1_000_000_000;
const HEADER = "X-Max-Spend";

/** The field. */
export const maxSpendField = Type.Union([Type.Number({ minimum: 0, maximum: MOST }), Type.Null()], {
  description:
    "Most that models may cost in this run and all runs below it, in units of the account. At the limit it ends with BUDGET_EXHAUSTED.",
});

/** What a request says of it; nothing: no limit. */
export interface SpendLimit {
  readonly maxSpendMicros?: number;
}

/** Of a body. */
export function maxSpendOf(value: Static<typeof maxSpendField> | undefined): SpendLimit {
  return value == null ? {} : { maxSpendMicros: microsOf(value) };
}

/** Of what an application adds to a body of another protocol. @throws INVALID for what is no amount. */
export function maxSpendIn(value: unknown, pointer: string): SpendLimit {
  if (value === undefined || value === null) return {};
  if (typeof value === "number" && value >= 0 && value <= MOST) return maxSpendOf(value);
  const text = `max_spend is an amount in units of the account, 0 to ${MOST}.`;
  throw new RuntimeError("INVALID", text, { pointer });
}

/** Of a request of a protocol that has no such field. @throws INVALID for what is no amount. */
export function maxSpendOfHeader(request: Pick<HttpRequest, "header">): SpendLimit {
  const value = request.header(HEADER.toLowerCase());
  if (value === undefined) return {};
  const amount = /^\d{1,10}(\.\d{1,9})?$/.test(value) ? Number(value) : Number.NaN;
  if (amount <= MOST) return { maxSpendMicros: microsOf(amount) };
  const text = `${HEADER} is an amount in units of the account, 0 to ${MOST}, e.g. 0.25.`;
  throw new RuntimeError("INVALID", text);
}
