// Budgets: how much may be spent at providers, or charged, by whom and in which time. A row a budget, and
// for each of what budgets are about one row with all of its budgets, so that a call reads five rows at
// most to know what limits it, and one to know that nothing does.

import { type Static, Type } from "../schema.ts";

/** Widest first: the order in which a limit is named when several are reached. */
export const budgetScopes = ["tenant", "key", "agent", "conversation", "run"] as const;
export type BudgetScope = (typeof budgetScopes)[number];

/** Subject of a budget that each conversation, or each run, has for itself. */
export const EACH = "each";

/** Tables of a tenant. */
export const budgetTables = {
  budgets: "budgets",
  /** By `subjectId`: the budgets of one subject. */
  bySubject: "budgets-by-subject",
  /** What is reserved now, by `<run>.<call>`. */
  reservations: "budget-reservations",
  /** By run that was cut: what its last calls had come to, until its purse has read it. */
  cuts: "budget-cuts",
  /** By budget: how many calls wait for others to settle; absent for none. */
  queues: "budget-queues",
  /** By root run, budget and place: calls that wait until the budget is raised or begins anew. */
  pauses: "budget-pauses",
  /** By run: what it may spend itself with all runs below it (`RunLimit`); gone with it. */
  runLimits: "budget-run-limits",
  /** By a budget and its period: the start of the machine in which its mark was set; see money/ahead.ts. */
  boots: "budget-boots",
} as const;

/** Row of `bySubject` that is there when the tenant has any budget. */
export const ANY_SUBJECT = "any";

/** Budgets of one subject, and of one tenant. */
export const BUDGETS_OF_SUBJECT_MAX = 8;
export const BUDGETS_MAX = 1_000;
/** Most that a budget may hold, in units of the account. */
const LIMIT_MAX = 1_000_000_000;

const limit = Type.Number({
  minimum: 0,
  maximum: LIMIT_MAX,
  description: "In units of the account. 0 lets nothing through that costs something.",
});
const onExhausted = Type.Union([Type.Literal("stop"), Type.Literal("pause")], {
  description:
    "`stop`: runs end with BUDGET_EXHAUSTED. `pause`: they wait, until there is more or their time to wait is over.",
});
const name = Type.Union([Type.String({ maxLength: 200 }), Type.Null()]);

/** What a client sends to create a budget. */
export const budgetInput = Type.Object(
  {
    scope: Type.Union([
      Type.Literal("tenant"),
      Type.Literal("key"),
      Type.Literal("agent"),
      Type.Literal("conversation"),
      Type.Literal("run"),
    ]),
    subject: Type.Optional(
      Type.Union([Type.String({ minLength: 1, maxLength: 100 }), Type.Null()], {
        description:
          "Id of the key, agent or conversation; `each` for every conversation or run by itself. None for the tenant.",
      }),
    ),
    limit,
    period: Type.Optional(
      Type.Union([Type.Literal("total"), Type.Literal("day"), Type.Literal("month")], {
        description: "Days and months of UTC; total: for ever. Default total.",
      }),
    ),
    counts: Type.Optional(
      Type.Union([Type.Literal("spend"), Type.Literal("charge")], {
        description:
          "`spend` (default): what models cost. `charge`: what the tenant pays for services; such a budget stops, and is of the tenant, a key, an agent or one conversation.",
      }),
    ),
    on_exhausted: Type.Optional(onExhausted),
    name: Type.Optional(name),
  },
  { additionalProperties: false },
);
export type BudgetInput = Static<typeof budgetInput>;

/** What a client sends to change one. */
export const budgetPatch = Type.Object(
  {
    limit: Type.Optional(limit),
    on_exhausted: Type.Optional(onExhausted),
    name: Type.Optional(name),
  },
  { additionalProperties: false, minProperties: 1 },
);
export type BudgetPatch = Static<typeof budgetPatch>;

/** Row of `runLimits`. */
export interface RunLimit {
  readonly limitMicros: number;
}

/** Stands for the id of a budget where a run has its own limit. */
export const OWN_LIMIT = "max_spend";

export type BudgetPeriod = "total" | "day" | "month";

/** A stored budget. */
export interface Budget {
  /** `bd_...` */
  readonly id: string;
  readonly name: string | null;
  readonly scope: BudgetScope;
  /** Null for the tenant. */
  readonly subject: string | null;
  readonly limitMicros: number;
  readonly period: BudgetPeriod;
  readonly on_exhausted: "stop" | "pause";
  /** What it counts. Default: spend. */
  readonly counts?: "spend" | "charge";
  readonly created_at: string;
  readonly updated_at: string;
  /** Grows with every change. */
  readonly version: number;
}

/** Whether it is counted by the purse of what it is about, not by counters of the tenant. */
export function isOfRoot({ scope, counts }: Pick<Budget, "scope" | "counts">): boolean {
  return counts !== "charge" && (scope === "conversation" || scope === "run");
}

/** Id of the row with the budgets of a subject. */
export function subjectId(scope: BudgetScope, subject: string | null): string {
  return subject === null ? scope : `${scope}.${subject}`;
}

/** The period that a time lies in, as part of a counter's name. */
export function periodAt(period: BudgetPeriod, ms: number): string {
  if (period === "total") return period;
  return new Date(ms).toISOString().slice(0, period === "day" ? 10 : 7);
}

/** When the period of a time ends, ms; null for one that does not. */
export function periodEndMs(period: BudgetPeriod, ms: number): number | null {
  if (period === "total") return null;
  const at = new Date(ms);
  const [year, month] = [at.getUTCFullYear(), at.getUTCMonth()];
  return period === "month"
    ? Date.UTC(year, month + 1, 1)
    : Date.UTC(year, month, at.getUTCDate() + 1);
}

/**
 * Counters of a budget in a period, in millionths. `used` holds what was settled and what is reserved, as
 * less than nothing, so that its floor is the limit; `held` what of it is reserved; `over` by how much
 * providers went beyond what was reserved. `ahead` (less than nothing) and `mark`: see money/ahead.ts.
 */
export function budgetCounters(
  budget: string,
  period: string,
): Readonly<Record<"used" | "held" | "over" | "ahead" | "mark", string>> {
  const of = `${budget}.${period}`;
  const used = { used: `bu.${of}`, held: `bh.${of}`, over: `bo.${of}` };
  return { ...used, ahead: `ba.${of}`, mark: `bm.${of}` };
}
