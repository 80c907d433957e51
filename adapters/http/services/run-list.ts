// The runs of a tenant as they are listed: those that answer somebody. Taking documents in and merging
// index files are runs too, and many; they are shown as jobs, and listed here only when their kind is
// asked for.

import { RuntimeError } from "../../../runtime/errors.ts";
import type { RunRow, System } from "../../../runtime/system.ts";
import type { HiddenPlaces, Page, PageRequest } from "./paging.ts";

/** Kinds of root runs that answer a message. */
const answering: readonly string[] = ["supervisor", "workflow", "team", "flow"];
const KIND = /^[a-z-]{1,64}$/;
/** Rows read for one page; where more were passed over, the page is short and has a cursor. */
const ROWS_MAX = 2_000;
const ROWS_AT_ONCE = 200;

/** The kind that is asked for, of `?kind=`. @throws INVALID. */
export function kindOf(query: URLSearchParams): string | undefined {
  const kind = query.get("kind") ?? undefined;
  if (kind === undefined || KIND.test(kind)) return kind;
  throw new RuntimeError("INVALID", "kind must be the kind of a run, such as supervisor.", {
    parameter: "kind",
  });
}

/** Which runs are listed. */
export interface RunFilter {
  /** Of this kind alone; default: those that answer a message. */
  readonly kind?: string | undefined;
  /** Whether who asks sees a run. Default: every one. */
  readonly sees?: (row: RunRow) => Promise<boolean>;
}

/** Newest first. */
export async function listRuns(
  { system, hidden }: { readonly system: Pick<System, "runs">; readonly hidden: HiddenPlaces },
  tenant: string,
  page: PageRequest,
  { kind, sees }: RunFilter = {},
): Promise<Page<RunRow>> {
  const { limit, after } = hidden.from(tenant, page);
  const kinds = kind === undefined ? answering : [kind];
  const items: RunRow[] = [];
  let last = after;
  for (let read = 0; read < ROWS_MAX; ) {
    const count = read === 0 ? limit + 1 : ROWS_AT_ONCE;
    const from = last === undefined ? {} : { after: last };
    const { rows, next } = await system.runs(tenant, { limit: count, kinds, ...from });
    for (const row of rows) {
      if (sees !== undefined && !(await sees(row))) continue;
      // There is one more, so the cursor is of the last that is shown.
      if (items.length === limit) return { items, next: items.at(-1)?.id ?? null };
      items.push(row);
    }
    if (next === null) return { items, next };
    last = next;
    read += count;
  }
  return { items, next: hidden.next(tenant, last ?? null, items.at(-1)?.id) };
}
