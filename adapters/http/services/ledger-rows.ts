// The ledger row by row, newest first, as it is paged through and exported.

import { type LedgerRow, ledgerTable } from "../../../actors/records/conversation.ts";
import { idsFrom } from "../../../runtime/id.ts";
import type { Tables } from "../../../runtime/system.ts";
import type { Page, PageRequest } from "./paging.ts";

/** Rows read for one page; where more were passed over, the page is short and has a cursor. */
const ROWS_MAX = 2_000;
const ROWS_AT_ONCE = 200;

const filters = ["service", "agent_id", "key_id", "run_id", "outcome"] as const;

/** Which rows are asked for; null: all. */
export interface LedgerFilter extends Readonly<Record<(typeof filters)[number], string | null>> {
  /** From this time on, and before that one, ms. */
  readonly fromMs: number | null;
  readonly toMs: number | null;
}

interface Place {
  readonly tables: Tables;
  readonly tenant: string;
}

/** All that are asked for. */
export async function* ledgerRows(place: Place, filter: LedgerFilter): AsyncGenerator<LedgerRow> {
  for await (const { row, isMeant } of rowsBefore(place, filter, undefined)) if (isMeant) yield row;
}

/** A page of them. */
export async function listLedger(
  place: Place,
  { limit, after }: PageRequest,
  filter: LedgerFilter,
): Promise<Page<LedgerRow>> {
  const items: LedgerRow[] = [];
  let [last, read] = [after, 0];
  for await (const { row, isMeant } of rowsBefore(place, filter, after)) {
    // There is one more, so the cursor is of the last that was looked at.
    if (items.length === limit || read === ROWS_MAX) return { items, next: last ?? null };
    if (isMeant) items.push(row);
    last = row.id;
    read += 1;
  }
  return { items, next: null };
}

async function* rowsBefore(
  { tables, tenant }: Place,
  filter: LedgerFilter,
  after: string | undefined,
): AsyncGenerator<{ readonly row: LedgerRow; readonly isMeant: boolean }> {
  const { fromMs, toMs } = filter;
  let last = after ?? (toMs === null ? undefined : idsFrom("le", toMs));
  const first = fromMs === null ? "" : idsFrom("le", fromMs);
  for (;;) {
    const page = { limit: ROWS_AT_ONCE, reverse: true, ...(last !== undefined && { after: last }) };
    const rows = await tables.list(tenant, ledgerTable, page);
    for (const { id, value } of rows) {
      if (id < first) return;
      const row = value as LedgerRow;
      const isMeant = filters.every(
        (name) => filter[name] === null || (row[name] ?? null) === filter[name],
      );
      yield { row, isMeant };
      last = id;
    }
    if (rows.length < ROWS_AT_ONCE) return;
  }
}
