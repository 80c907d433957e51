// Usage as it is asked for: sums of days or months, or of a whole time, by agent, model, key or service. Read
// from the sums alone: months that lie within the time as months, what is left of it as days.

import {
  addSums,
  type Dimension,
  emptySum,
  type Grain,
  periodOf,
  sumPrefix,
  type UsageSum,
  usageTable,
} from "../../../actors/money/sums.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import type { Tables } from "../../../runtime/system.ts";
import { timeOf } from "../query-time.ts";

const ROWS_AT_ONCE = 200;
/** Groups of a time that are held to be added up. */
const GROUPS_MAX = 50_000;
/** Further away than any ledger goes, in both directions. */
const FIRST_DAY = "1970-01-01";
const LAST_DAY = "9999-12-31";

/** How sums are grouped. */
export const groupings = ["day", "agent", "model", "key", "service"] as const;
/** How long each sum is. */
export const granularities = ["day", "month", "total"] as const;

/** What is asked for. Days are UTC. */
export interface UsageRequest {
  readonly groupBy: (typeof groupings)[number];
  readonly granularity: (typeof granularities)[number];
  /** From this day on, and before that one; null is open. */
  readonly fromDay: string | null;
  readonly toDay: string | null;
}

/** A sum with its day or month; null: of the whole time. */
export interface PeriodSum {
  readonly period: string | null;
  readonly sum: UsageSum;
}

/** Reads `group_by`, `granularity`, `from` and `to`. @throws INVALID. */
export function usageRequest(query: URLSearchParams): UsageRequest {
  const groupBy = wordOf(query, "group_by", groupings) ?? "service";
  const byDefault = groupBy === "day" ? "day" : "total";
  const granularity = wordOf(query, "granularity", granularities) ?? byDefault;
  const [from, to] = [timeOf(query, "from"), timeOf(query, "to")];
  return {
    groupBy,
    granularity,
    fromDay: from === null ? null : dayOf(from),
    // The day in which it ends is whole too.
    toDay: to === null ? null : dayOf(to + DAY_MS - 1),
  };
}

/** In order of time, then of names. @param place whose usage. */
export async function* readUsage(
  place: { readonly tables: Tables; readonly tenant: string },
  { groupBy, granularity, fromDay, toDay }: UsageRequest,
): AsyncGenerator<PeriodSum> {
  const dimension: Dimension = groupBy === "day" ? "total" : groupBy;
  const [from, to] = [fromDay ?? FIRST_DAY, toDay ?? LAST_DAY];
  if (granularity === "day") {
    yield* sumsBetween(place, dimension, { grain: "day", from, to });
    return;
  }
  const groups = new Map<string, PeriodSum>();
  for (const part of partsOf(from, to)) {
    for await (const { period, sum } of sumsBetween(place, dimension, part)) {
      const month = granularity === "month" && period !== null ? periodOf(period, "month") : null;
      const key = `${month} ${sum.value === null ? "" : `=${sum.value}`}`;
      const before = groups.get(key)?.sum ?? emptySum(sum.value);
      if (!groups.has(key) && groups.size >= GROUPS_MAX) throw tooMany();
      groups.set(key, { period: month, sum: addSums(before, sum) });
    }
  }
  yield* [...groups.values()].sort(inOrder);
}

interface Part {
  readonly grain: Grain;
  /** First period, and the first that is not meant. */
  readonly from: string;
  readonly to: string;
}

/** A time as days, whole months and days. */
function partsOf(from: string, to: string): readonly Part[] {
  const isBegin = from.endsWith("-01");
  const firstMonth = isBegin ? periodOf(from, "month") : monthAfter(from);
  const lastMonth = periodOf(to, "month");
  if (firstMonth >= lastMonth) return [{ grain: "day", from, to }];
  return [
    ...(isBegin ? [] : [{ grain: "day", from, to: `${firstMonth}-01` } as const]),
    { grain: "month", from: firstMonth, to: lastMonth },
    { grain: "day", from: `${lastMonth}-01`, to },
  ];
}

async function* sumsBetween(
  { tables, tenant }: { readonly tables: Tables; readonly tenant: string },
  dimension: Dimension,
  { grain, from, to }: Part,
): AsyncGenerator<PeriodSum> {
  const prefix = sumPrefix(dimension, grain, "");
  // Ids go on with a dot behind their period: nothing of the first one sorts before it.
  let after = sumPrefix(dimension, grain, from);
  const end = sumPrefix(dimension, grain, to);
  while (after < end) {
    const rows = await tables.list(tenant, usageTable, { prefix, after, limit: ROWS_AT_ONCE });
    for (const { id, value } of rows) {
      if (id >= end) return;
      const rest = id.slice(prefix.length);
      yield { period: rest.slice(0, rest.indexOf(".")), sum: value as UsageSum };
    }
    const last = rows.at(-1);
    if (last === undefined || rows.length < ROWS_AT_ONCE) return;
    after = last.id;
  }
}

const DAY_MS = 24 * 3_600_000;

function dayOf(ms: number): string {
  const at = new Date(Math.min(ms, Date.parse(LAST_DAY)));
  return periodOf(at.toISOString(), "day");
}

function monthAfter(day: string): string {
  const [year = 0, month = 1] = day.split("-").map(Number);
  return new Date(Date.UTC(year, month, 1)).toISOString().slice(0, 7);
}

function inOrder(left: PeriodSum, right: PeriodSum): number {
  return compared(left.period, right.period) || compared(left.sum.value, right.sum.value);
}

function compared(left: string | null, right: string | null): number {
  if (left === right) return 0;
  return (left ?? "") < (right ?? "") ? -1 : 1;
}

function wordOf<T extends string>(
  query: URLSearchParams,
  name: string,
  words: readonly T[],
): T | null {
  const given = query.get(name);
  if (given === null) return null;
  const found = words.find((word) => word === given);
  if (found !== undefined) return found;
  throw new RuntimeError("INVALID", `${name} must be one of ${words.join(", ")}.`, {
    parameter: name,
  });
}

function tooMany(): RuntimeError {
  const text = `More than ${GROUPS_MAX} groups are added up by this: ask for a shorter time, or by day.`;
  return new RuntimeError("INVALID", text, { parameter: "group_by" });
}
