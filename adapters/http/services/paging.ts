// Pages of lists: `limit` and `cursor` of a request, and the cursor of the page after it.

import { RuntimeError } from "../../../runtime/errors.ts";
import { isSealed, type Vault } from "../../vault/vault.ts";

/** Rows of a page: default and most. */
export const PAGE_DEFAULT = 50;
export const PAGE_MAX = 100;

/** Query parameters of a list in pages. */
export const pageQuery = ["limit", "cursor"] as const;

/** Longest cursor: that of a document whose id has only characters of four bytes. */
const CURSOR_CHARS_MAX = 4_096;

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

/**
 * Reads `?limit=` and `?cursor=`.
 * @param list names the list: a cursor of another one, or of none, is refused.
 * @throws INVALID.
 */
export function pageRequest(query: URLSearchParams, list: string): PageRequest {
  const given = query.get("limit");
  const limit = given === null ? PAGE_DEFAULT : Number(given);
  if (!Number.isInteger(limit) || limit < 1 || limit > PAGE_MAX) {
    throw new RuntimeError("INVALID", `limit must be a whole number from 1 to ${PAGE_MAX}.`, {
      parameter: "limit",
    });
  }
  const cursor = query.get("cursor");
  if (cursor === null || cursor === "") return { limit };
  const after = placeIn(list, cursor);
  if (after !== null) return { limit, after };
  throw noCursor();
}

/** The cursor of the page after this one, as it is answered; null after the last. */
export function cursorOf(list: string, { next }: Pick<Page<unknown>, "next">): string | null {
  return next === null ? null : Buffer.from(`${list}\n${next}`).toString("base64url");
}

/** The place in the list after which a cursor goes on; null for what is no cursor of it. */
export function placeIn(list: string, cursor: string): string | null {
  const text = Buffer.from(cursor.slice(0, CURSOR_CHARS_MAX), "base64url").toString();
  const next = text.slice(list.length + 1);
  // Written again it is the same: what is no base64 would be read past.
  return next !== "" && cursorOf(list, { next }) === cursor ? next : null;
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

/**
 * Places in lists that their reader may not see: a page that ends at a row which is hidden from it has a
 * cursor all the same, and that tells nothing of the row.
 */
export interface HiddenPlaces {
  /** The page that is asked for, with its place in clear. @throws INVALID. */
  from(tenant: string, page: PageRequest): PageRequest;
  /** The place after which a list goes on. @param shown the last row that is shown, if any. */
  next(tenant: string, next: string | null, shown: string | undefined): string | null;
}

/** Sealed for their tenant, so that cursors outlive the process. */
export function createHiddenPlaces(vault: Pick<Vault, "seal" | "open">): HiddenPlaces {
  const of = (tenant: string) => ({ tenant, user: "", integration: ":cursor" });
  return {
    from: (tenant, page) => {
      const { after } = page;
      if (after === undefined || !isSealed(after)) return page;
      try {
        return { ...page, after: vault.open(of(tenant), after) };
      } catch (cause) {
        throw noCursor(cause);
      }
    },
    next: (tenant, next, shown) =>
      next === null || next === shown || isSealed(next) ? next : vault.seal(of(tenant), next),
  };
}

function noCursor(cause?: unknown): RuntimeError {
  const message = "cursor must be the next_cursor of an earlier page.";
  return new RuntimeError("INVALID", message, { parameter: "cursor" }, { cause });
}

/** Rows read for one page; where more were passed over, the page is short and has a cursor. */
const ROWS_MAX = 2_000;
const ROWS_AT_ONCE = 200;

/**
 * @param of `read` gives the rows behind one, in the list's order; `sees` says of each whether it is shown.
 * @returns rows, with the id of the last one looked at to go on behind.
 */
export async function pageOfSeen<Row extends { readonly id: string }>(
  page: PageRequest,
  of: {
    readonly tenant: string;
    readonly hidden: HiddenPlaces;
    read(page: PageRequest): Promise<readonly Row[]>;
    sees(row: Row): boolean | Promise<boolean>;
  },
): Promise<Page<Row>> {
  const { limit, after } = of.hidden.from(of.tenant, page);
  const items: Row[] = [];
  let last = after;
  for (let read = 0; read < ROWS_MAX; ) {
    // Where all are seen the first read is the page.
    const count = read === 0 ? limit + 1 : ROWS_AT_ONCE;
    const from = last === undefined ? {} : { after: last };
    const rows = await of.read({ limit: count, ...from });
    for (const row of rows) {
      if (await of.sees(row)) {
        // There is one more: the cursor is of the last that is shown, and names nothing else.
        if (items.length === limit) return { items, next: items.at(-1)?.id ?? null };
        items.push(row);
      }
      last = row.id;
    }
    if (rows.length < count) return { items, next: null };
    read += count;
  }
  return { items, next: of.hidden.next(of.tenant, last ?? null, items.at(-1)?.id) };
}
