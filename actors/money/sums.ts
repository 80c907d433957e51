// Sums of the ledger by day and month (UTC): of all, and of each agent, model, key and service. Pure: what
// some rows add to which sums. For every way of grouping, the groups of a day add up to the whole day.

import type { Usage } from "../ports.ts";
import type { LedgerRow } from "../records/conversation.ts";
import { partsOf } from "./spent.ts";

/** Table of the sums, one row each. */
export const usageTable = "usage";

/** Services of rows in which an operator changes a balance: they are no calls. */
export const balanceServices: readonly string[] = ["credit", "debit"];
/** Service of rows of what was spent beside a call's own row; see spend.ts. */
const SPEND = "spend";

/** What sums are told apart by, each with the beginning of its rows' ids. */
export const dimensions = { total: "t", agent: "a", model: "m", key: "k", service: "s" } as const;
export type Dimension = keyof typeof dimensions;
/** How long a sum is. */
export type Grain = "day" | "month";

/** A sum. Money in millionths. */
export interface UsageSum {
  /** Whose it is, e.g. `ag_...`; null: of all, or of what is nobody's. */
  readonly value: string | null;
  /** Rows of the ledger, and those that did not complete. */
  readonly rows: number;
  readonly rowsFailed: number;
  /** Those of them that are calls. Of a model: in which it took part. */
  readonly calls: number;
  readonly failed: number;
  readonly prompt: number;
  readonly completion: number;
  readonly cached: number;
  readonly reasoning: number;
  /** Rows of which tokens were estimated. */
  readonly estimated: number;
  readonly spend: number;
  /** Of a call of several models all is charged to the dearest. */
  readonly charged: number;
  /** Added to the balance by the operator, less what was taken from it. */
  readonly credited: number;
}

/** Nothing yet. */
export function emptySum(value: string | null): UsageSum {
  return {
    ...{ value, rows: 0, rowsFailed: 0, calls: 0, failed: 0, prompt: 0, completion: 0 },
    ...{ cached: 0, reasoning: 0, estimated: 0, spend: 0, charged: 0, credited: 0 },
  };
}

/** Both together, as `left`'s. */
export function addSums(left: UsageSum, right: UsageSum): UsageSum {
  return {
    value: left.value,
    rows: left.rows + right.rows,
    rowsFailed: left.rowsFailed + right.rowsFailed,
    calls: left.calls + right.calls,
    failed: left.failed + right.failed,
    prompt: left.prompt + right.prompt,
    completion: left.completion + right.completion,
    cached: left.cached + right.cached,
    reasoning: left.reasoning + right.reasoning,
    estimated: left.estimated + right.estimated,
    spend: left.spend + right.spend,
    charged: left.charged + right.charged,
    credited: left.credited + right.credited,
  };
}

/** Adds a row to sums by their ids. */
export function addRow(sums: Map<string, UsageSum>, row: LedgerRow): void {
  const whole = sumOf(row);
  add(sums, "total", row.at, whole);
  add(sums, "service", row.at, { ...whole, value: row.service });
  add(sums, "agent", row.at, { ...whole, value: row.agent_id || null });
  add(sums, "key", row.at, { ...whole, value: row.key_id });
  for (const part of modelSums(row, whole)) add(sums, "model", row.at, part);
}

/** Period of a time: `2026-11-23`, `2026-11`. */
export function periodOf(at: string, grain: Grain): string {
  return at.slice(0, grain === "day" ? 10 : 7);
}

/** What ids of a dimension's sums of a period begin with; those of later periods sort behind. */
export function sumPrefix(dimension: Dimension, grain: Grain, period: string): string {
  return `${dimensions[dimension]}${grain === "day" ? "d" : "m"}.${period}`;
}

/** Characters of an id that say whose a sum is: names that agree so far share their sums. */
const VALUE_CHARS = 220;

function add(sums: Map<string, UsageSum>, dimension: Dimension, at: string, delta: UsageSum): void {
  for (const grain of ["day", "month"] as const) {
    // Half a character cannot be encoded.
    const whole = delta.value?.replaceAll(/\p{Surrogate}/gu, "\ufffd");
    const of = whole === undefined ? "-" : encodeURIComponent(whole);
    const id = `${sumPrefix(dimension, grain, periodOf(at, grain))}.${of.slice(0, VALUE_CHARS)}`;
    sums.set(id, addSums(sums.get(id) ?? emptySum(delta.value), delta));
  }
}

function sumOf(row: LedgerRow): UsageSum {
  const isBalance = balanceServices.includes(row.service);
  const isCall = !isBalance && row.service !== SPEND;
  const failed = row.outcome === "completed" ? 0 : 1;
  return {
    ...tokenSum(null, row.spend),
    ...{ rows: 1, rowsFailed: failed, calls: isCall ? 1 : 0, failed: isCall ? failed : 0 },
    charged: isBalance ? 0 : row.charge.micros,
    credited: isBalance ? -row.charge.micros : 0,
  };
}

/** What a row adds to the sums of models. */
function modelSums({ spend }: LedgerRow, whole: UsageSum): readonly UsageSum[] {
  const parts = spend === null ? [] : [...partsOf(spend)].sort(byCost);
  if (parts.length === 0) return [whole];
  const { rows, rowsFailed, calls, failed, charged, credited } = whole;
  return parts.map((part, at) => ({
    ...tokenSum(part.model ?? null, part),
    ...{ rows, rowsFailed, calls, failed },
    ...(at === 0 && { charged, credited }),
  }));
}

const byCost = (left: Usage, right: Usage): number =>
  (right.spendMicros ?? 0) - (left.spendMicros ?? 0) || tokensOf(right) - tokensOf(left);

const tokensOf = (usage: Usage): number => usage.promptTokens + usage.completionTokens;

function tokenSum(value: string | null, usage: Usage | null): UsageSum {
  const sum = emptySum(value);
  if (usage === null) return sum;
  return {
    ...sum,
    prompt: usage.promptTokens,
    completion: usage.completionTokens,
    cached: usage.cachedTokens ?? 0,
    reasoning: usage.reasoningTokens ?? 0,
    estimated: usage.estimated ? 1 : 0,
    spend: usage.spendMicros ?? 0,
  };
}
