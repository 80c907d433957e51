// Alerts: what an administrator wants to be told of money, and where. A rule, what is known of it from one
// look to the next, and a notice that is on its way.

import { type Static, Type } from "../schema.ts";

/** Tables of a tenant. */
export const alertTables = {
  alerts: "alerts",
  /** By alert: what it has told of already. */
  states: "alert-states",
  /** Notices until a run that delivers them is started. */
  notices: "alert-notices",
} as const;

/** Alerts of one tenant. */
export const ALERTS_MAX = 100;
const AMOUNT_MAX = 1_000_000_000;
/** Percentages of a budget that are told of unless others are named. */
export const percentagesDefault = [50, 80, 100] as const;

const amount = Type.Number({ minimum: 0, maximum: AMOUNT_MAX });
const one = <const T extends string>(text: T) => Type.Literal(text);

/** What a client sends to set one up. */
export const alertInput = Type.Object(
  {
    type: Type.Union([one("balance"), one("usage"), one("budget")]),
    name: Type.Optional(Type.String({ maxLength: 200 })),
    url: Type.String({ maxLength: 2_000, description: "Where the signed webhook goes." }),
    below: Type.Optional(amount),
    measure: Type.Optional(Type.Union([one("spend"), one("charged"), one("calls"), one("tokens")])),
    period: Type.Optional(Type.Union([one("day"), one("month")])),
    above: Type.Optional(amount),
    scope: Type.Optional(
      Type.Union([one("tenant"), one("agent"), one("key"), one("model"), one("service")]),
    ),
    subject: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
    budget: Type.Optional(Type.String({ pattern: "^bd_[A-Za-z0-9]{1,61}$" })),
    percentages: Type.Optional(
      Type.Array(Type.Integer({ minimum: 1, maximum: 100 }), {
        minItems: 1,
        maxItems: 10,
        uniqueItems: true,
      }),
    ),
  },
  { additionalProperties: false },
);
export type AlertInput = Static<typeof alertInput>;

const { url, below, above, percentages } = alertInput.properties;

/** What a client sends to change one; what it is about stays. */
export const alertPatch = Type.Object(
  {
    name: Type.Optional(Type.Union([Type.String({ maxLength: 200 }), Type.Null()])),
    url: Type.Optional(url),
    ...{ below, above, percentages },
  },
  { additionalProperties: false, minProperties: 1 },
);
export type AlertPatch = Static<typeof alertPatch>;

interface Common {
  /** `al_...` */
  readonly id: string;
  readonly name: string | null;
  readonly url: string;
  readonly created_at: string;
}

/** A balance falls below an amount, in millionths. Told again when it had been a tenth above it. */
export interface BalanceAlert extends Common {
  readonly type: "balance";
  readonly belowMicros: number;
}

/** A sum of a day or a month is an amount or more; money in millionths. Told once in each. */
export interface UsageAlert extends Common {
  readonly type: "usage";
  readonly measure: "spend" | "charged" | "calls" | "tokens";
  readonly period: "day" | "month";
  readonly above: number;
  readonly scope: "tenant" | "agent" | "key" | "model" | "service";
  /** Null for the tenant. */
  readonly subject: string | null;
}

/** A budget is used by so many percent or more. Told once for each in each of its periods. */
export interface BudgetAlert extends Common {
  readonly type: "budget";
  readonly budget: string;
  readonly percentages: readonly number[];
}

/** A stored alert. */
export type Alert = BalanceAlert | UsageAlert | BudgetAlert;

/** What an alert has told of. */
export interface AlertState {
  /** The balance was below, and has not been well above since. */
  readonly isLow?: boolean;
  /** Last period that was told of. */
  readonly period?: string;
  /** Percentages that were told of in that period. */
  readonly percentages?: readonly number[];
}

/** What is told. Money in units of the account. */
export interface AlertNotice {
  /** `no_...`, the same however often it is sent. */
  readonly id: string;
  readonly type: "alert.balance" | "alert.usage" | "alert.budget";
  readonly atMs: number;
  readonly data: Readonly<Record<string, string | number | null>>;
}

/** A notice on its way. */
export interface NoticeRow {
  readonly alert: string;
  readonly url: string;
  readonly notice: AlertNotice;
}
