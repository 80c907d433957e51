// Moves rows that have arrived into the chain of their tenant, in the order of their ids, some at a time:
// entry, content, index, the new head and the removal of what arrived are one commit on condition of the
// head before. So each row is chained once, wherever a crash comes, and whoever chains at the same time.

import type { AuditRow } from "../../actors/records/audit.ts";
import { auditTable } from "../../actors/records/audit.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import type { TableRow, Tables, TableWrite } from "../../runtime/system.ts";
import { type ChainEntry, type ChainKey, nextEntry, splitRow } from "./chain.ts";
import {
  type ChainHead,
  chainRows,
  emptyHead,
  entryId,
  indexIds,
  logTables,
} from "./log-tables.ts";

/** Rows of one commit. */
export const CHAINED_AT_ONCE = 64;
/** How long an act may be under way: then its end is not known. */
export const BEGUN_MS = 15 * 60_000;
const ROWS_AT_ONCE = 200;
/** Times that somebody else may be faster. */
const ATTEMPTS = 8;

/** What chaining works with. */
export interface Chaining {
  readonly tables: Tables;
  /** Signs entries; null: nothing does. */
  readonly key: ChainKey | null;
  nowMs(): number;
}

/** The last entry of a tenant's chain, and the revision of that row. */
export async function readHead(
  tables: Pick<Tables, "get">,
  tenant: string,
): Promise<{ readonly head: ChainHead; readonly revision: string | null }> {
  const row = await tables.get(tenant, logTables.chain, chainRows.head);
  if (row === undefined) return { head: emptyHead, revision: null };
  return { head: row.value as ChainHead, revision: row.revision };
}

/**
 * Chains what has arrived in a tenant.
 * @returns how many rows.
 */
export async function chainArrived(of: Chaining, tenant: string): Promise<number> {
  let chained = 0;
  let after: string | undefined;
  for (;;) {
    const page = { limit: ROWS_AT_ONCE, ...(after === undefined ? {} : { after }) };
    const arrived = await of.tables.list(tenant, auditTable, page);
    const settled = arrived.flatMap((row) => settledRow(row, of.nowMs()));
    for (let at = 0; at < settled.length; at += CHAINED_AT_ONCE) {
      const some = settled.slice(at, at + CHAINED_AT_ONCE);
      if (!(await chainSome(of, tenant, some))) return chained;
      chained += some.length;
    }
    after = arrived.at(-1)?.id;
    if (arrived.length < ROWS_AT_ONCE) return chained;
  }
}

interface Settled {
  readonly row: AuditRow;
  readonly revision: string;
}

/** Of what is under way the end is waited for. */
function settledRow({ value, revision }: TableRow, nowMs: number): readonly Settled[] {
  const row = value as AuditRow;
  if (row.outcome !== "begun") return [{ row, revision }];
  if (Date.parse(row.at) > nowMs - BEGUN_MS) return [];
  return [{ row: { ...row, outcome: "unknown" }, revision }];
}

/** @returns false when somebody else has chained or changed some of them: they are looked at again later. */
async function chainSome(
  { tables, key, nowMs }: Chaining,
  tenant: string,
  settled: readonly Settled[],
): Promise<boolean> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const { head, revision } = await readHead(tables, tenant);
    const writes: TableWrite[] = [];
    let last: ChainHead = head;
    for (const { row: arrived, revision: read } of settled) {
      const { row, content } = splitRow(arrived);
      const entry: ChainEntry = nextEntry(tenant, last, { row, nowMs: nowMs(), key });
      last = { n: entry.n, hash: entry.hash, chained_at: entry.chained_at };
      const id = entryId(entry.n);
      writes.push(
        { type: "put", table: logTables.entries, id, value: entry },
        ...(content === null
          ? []
          : [{ type: "put", table: logTables.contents, id, value: content } as const]),
        ...indexIds(row, entry.n).map(
          (of): TableWrite => ({ type: "put", table: logTables.index, id: of, value: null }),
        ),
        { type: "remove", table: auditTable, id: arrived.id, revision: read },
      );
    }
    writes.push({
      type: "put-if",
      ...{ table: logTables.chain, id: chainRows.head, value: last, revision },
    });
    try {
      await tables.write(tenant, writes);
      return true;
    } catch (error) {
      if (!(error instanceof RuntimeError && error.code === "REVISION_MISMATCH")) throw error;
      // Of the head: it is read again. Of a row: who has it will go on with the others.
      if (error.details?.["table"] !== logTables.chain) return false;
    }
  }
  return false;
}
