// Finds entries of a chain, newest first: by the index of the narrowest field that is asked for, else along
// the chain. The work of one page is bounded; where it was not enough, the page is short and goes on.

import type { AuditRow } from "../../actors/records/audit.ts";
import type { Tables } from "../../runtime/system.ts";
import type { AuditContent, ChainEntry } from "./chain.ts";
import { readHead } from "./chaining.ts";
import { entryId, type IndexedField, indexPrefix, logTables } from "./log-tables.ts";

/** Entries looked at for one page. */
export const LOOKED_AT_MAX = 2_000;
const ROWS_AT_ONCE = 200;
/** What has arrived is chained within this time, ms, unless the server was away. */
const CHAINED_WITHIN_MS = 24 * 3_600_000;

/** Which rows are asked for; null: all. */
export interface AuditFilter {
  /** Whole, or up to a point: "agent." is every act on agents. */
  readonly action: string | null;
  readonly by: string | null;
  readonly subject: string | null;
  readonly run_id: string | null;
  readonly outcome: string | null;
  /** From this time on, and before that one, ms. */
  readonly fromMs: number | null;
  readonly toMs: number | null;
}

/** The narrowest first. */
const order: readonly IndexedField[] = ["subject", "run_id", "by", "outcome", "action"];

/** Whether a row is asked for. */
export function isAskedFor(row: Omit<AuditRow, "before" | "after">, filter: AuditFilter): boolean {
  const { action, fromMs, toMs, outcome } = filter;
  const at = Date.parse(row.at);
  if ((fromMs !== null && at < fromMs) || (toMs !== null && at >= toMs)) return false;
  if (outcome !== null && (row.outcome ?? "done") !== outcome) return false;
  if (
    action?.endsWith(".") === true ? !row.action.startsWith(action) : !isSame(action, row.action)
  ) {
    return false;
  }
  return (
    isSame(filter.by, row.by) &&
    isSame(filter.subject, row.subject) &&
    isSame(filter.run_id, row.run_id)
  );
}

const isSame = (asked: string | null, is: string | null): boolean => asked === null || asked === is;

/** An entry with what can be erased of it. */
export interface FoundEntry {
  readonly entry: ChainEntry;
  readonly content: AuditContent | null;
}

/**
 * Entries with a number below `below` (null: from the newest).
 * @returns the number to go on below; null at the end.
 */
export async function findEntries(
  tables: Tables,
  tenant: string,
  filter: AuditFilter,
  { limit, below }: { readonly limit: number; readonly below: number | null },
): Promise<{ readonly found: readonly FoundEntry[]; readonly next: number | null }> {
  const found: FoundEntry[] = [];
  let last = below ?? (await firstBelow(tables, tenant, filter));
  const numbers = numbersBelow(tables, tenant, filter);
  for (let looked = 0; looked < LOOKED_AT_MAX; looked += ROWS_AT_ONCE) {
    const some = await numbers(last);
    for (const n of some) {
      const entry = await entryOf(tables, tenant, n);
      if (entry !== undefined) {
        // Times of the chain never go back: what is older was done earlier still.
        if (filter.fromMs !== null && Date.parse(entry.chained_at) < filter.fromMs) {
          return { found, next: null };
        }
        if (isAskedFor(entry.row, filter)) {
          if (found.length === limit) return { found, next: last };
          found.push({ entry, content: await contentOf(tables, tenant, entry) });
        }
      }
      last = n;
    }
    if (some.length < ROWS_AT_ONCE) return { found, next: null };
  }
  return { found, next: last };
}

/** Where a search begins: behind all that can have been done before `toMs`. */
async function firstBelow(tables: Tables, tenant: string, filter: AuditFilter): Promise<number> {
  const { head } = await readHead(tables, tenant);
  if (filter.toMs === null) return head.n + 1;
  const limit = new Date(Math.min(filter.toMs + CHAINED_WITHIN_MS, 8.64e15)).toISOString();
  let [low, high] = [1, head.n + 1];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    // One that was trimmed is older than all that is asked for.
    const entry = await entryOf(tables, tenant, middle);
    if (entry === undefined || entry.chained_at < limit) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Numbers below one, descending, by the best index there is. */
function numbersBelow(
  tables: Tables,
  tenant: string,
  filter: AuditFilter,
): (below: number) => Promise<readonly number[]> {
  const page = (below: number, prefix: string) => ({
    ...{ limit: ROWS_AT_ONCE, reverse: true, prefix },
    after: `${prefix}${entryId(below)}`,
  });
  for (const field of order) {
    const value = filter[field];
    const isNarrow = field === "action" ? value?.endsWith(".") === false : value !== "done";
    if (value === null || !isNarrow) continue;
    const prefix = indexPrefix(field, value);
    return async (below) => {
      const rows = await tables.list(tenant, logTables.index, page(below, prefix));
      return rows.map(({ id }) => Number(id.slice(prefix.length)));
    };
  }
  return async (below) => {
    const rows = await tables.list(tenant, logTables.entries, page(below, ""));
    return rows.map(({ id }) => Number(id));
  };
}

async function entryOf(tables: Tables, tenant: string, n: number): Promise<ChainEntry | undefined> {
  return (await tables.get(tenant, logTables.entries, entryId(n)))?.value as ChainEntry | undefined;
}

async function contentOf(
  tables: Tables,
  tenant: string,
  { n, row }: ChainEntry,
): Promise<AuditContent | null> {
  if (row.content === null) return null;
  const found = await tables.get(tenant, logTables.contents, entryId(n));
  return (found?.value as AuditContent | undefined) ?? null;
}
