// Pages of lists: `limit` and `cursor` of a request, and the cursor of the page after it.

import { RuntimeError } from "../../../runtime/errors.ts";

/** Rows of a page: default and most. */
export const PAGE_DEFAULT = 50;
export const PAGE_MAX = 100;

const CURSOR = /^[A-Za-z0-9_.@:-]{1,600}$/;

/** Which page is asked for. `after` is exclusive. */
export interface PageRequest {
  readonly limit: number;
  readonly after?: string;
}

/** One page. `next` is null on the last. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly next: string | null;
}

/** Reads `?limit=` and `?cursor=`. @throws INVALID. */
export function pageRequest(query: URLSearchParams): PageRequest {
  const given = query.get("limit");
  const limit = given === null ? PAGE_DEFAULT : Number(given);
  if (!Number.isInteger(limit) || limit < 1 || limit > PAGE_MAX) {
    throw new RuntimeError("INVALID", `limit must be a whole number from 1 to ${PAGE_MAX}.`);
  }
  const after = query.get("cursor");
  if (after === null || after === "") return { limit };
  if (!CURSOR.test(after)) {
    throw new RuntimeError("INVALID", "cursor must be the next_cursor of an earlier page.");
  }
  return { limit, after };
}

/**
 * A page from one row more than it may hold.
 * @param rows at most `limit + 1`, in order.
 */
export function pageOf<Row, T>(
  rows: readonly Row[],
  limit: number,
  of: { id(row: Row): string; item(row: Row): T },
): Page<T> {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  const hasMore = rows.length > limit && last !== undefined;
  return { items: shown.map((row) => of.item(row)), next: hasMore ? of.id(last) : null };
}
