// Removes the oldest entries of a chain. The last that goes leaves its number and hash as the anchor, in
// the commit of its removal, so that what stays is still shown to follow it.

import type { Tables, TableWrite } from "../../runtime/system.ts";
import type { ChainAnchor, ChainEntry } from "./chain.ts";
import { chainRows, entryId, indexIds, logTables } from "./log-tables.ts";

const TRIMMED_AT_ONCE = 64;

/**
 * Removes entries that were chained before a time. What a crash leaves of it the next time removes.
 * @returns how many there were.
 */
export async function trimChain(tables: Tables, tenant: string, beforeMs: number): Promise<number> {
  const before = new Date(beforeMs).toISOString();
  for (let trimmed = 0; ; ) {
    const rows = await tables.list(tenant, logTables.entries, { limit: TRIMMED_AT_ONCE });
    const entries = rows.map(({ value }) => value as ChainEntry);
    // Times never go back, so what is old is in front.
    const old = entries.filter(({ chained_at }) => chained_at < before);
    const last = old.at(-1);
    if (last === undefined) return trimmed;
    const { row: _, prev: __, ...anchor } = last;
    const writes: TableWrite[] = [
      ...old.flatMap((entry) => removals(entry)),
      {
        type: "put",
        ...{ table: logTables.chain, id: chainRows.anchor, value: anchor satisfies ChainAnchor },
      },
    ];
    await tables.write(tenant, writes);
    trimmed += old.length;
    if (old.length < TRIMMED_AT_ONCE) return trimmed;
  }
}

function removals({ n, row }: ChainEntry): readonly TableWrite[] {
  const id = entryId(n);
  return [
    { type: "remove", table: logTables.entries, id },
    { type: "remove", table: logTables.contents, id },
    ...indexIds(row, n).map(
      (of): TableWrite => ({ type: "remove", table: logTables.index, id: of }),
    ),
  ];
}
