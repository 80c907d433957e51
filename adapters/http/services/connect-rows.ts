// Rows that live for minutes (links, states, grants): each new one takes some of those with it whose time is over.

import type { Tables, TableWrite } from "../../../runtime/system.ts";

/** Where they lie. */
export interface RowsOfTime {
  readonly tables: Tables;
  nowMs(): number;
}

/** More than come with one write. */
const FORGOTTEN_AT_ONCE = 10;

/** Removes of rows whose `untilMs` is over, oldest first. */
export async function forgotten(
  { tables, nowMs }: RowsOfTime,
  tenant: string,
  table: string,
): Promise<readonly TableWrite[]> {
  const rows = await tables.list(tenant, table, { limit: FORGOTTEN_AT_ONCE });
  return rows.flatMap(({ id, value }): readonly TableWrite[] => {
    const { untilMs } = value as { readonly untilMs: number };
    return untilMs < nowMs() ? [{ type: "remove", table, id }] : [];
  });
}
