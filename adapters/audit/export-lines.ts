// The audit of a tenant as JSON lines, which is what is verified: from a running server, a file, or a data
// folder that no server has open.
//
//   {"type":"audit","format":1,"tenant":"tn_x","anchor":null|{...}}       the first line
//   {"type":"entry","n":1,"prev":...,"row":{...},"content":null|{...}}    each entry, in order
//   {"type":"fresh","row":{...}}                                          what is not chained yet
//   {"type":"end","head":{"n":12,"hash":"..."}}                           the last line

import type { AuditRow } from "../../actors/records/audit.ts";
import { auditTable } from "../../actors/records/audit.ts";
import type { TableRow, Tables } from "../../runtime/system.ts";
import type { AuditContent, ChainAnchor, ChainEntry, ChainPlace } from "./chain.ts";
import { readHead } from "./chaining.ts";
import { chainRows, entryId, logTables } from "./log-tables.ts";

/** Rows read at once. */
const PAGE = 100;

/** One line. */
export type AuditLine =
  | {
      readonly type: "audit";
      readonly format: 1;
      readonly tenant: string;
      readonly anchor: ChainAnchor | null;
    }
  | ({ readonly type: "entry" } & ChainEntry & { readonly content: AuditContent | null })
  | { readonly type: "fresh"; readonly row: AuditRow }
  | { readonly type: "end"; readonly head: ChainPlace };

/** Tables as lines are read from. */
export type AuditReader = Pick<Tables, "get" | "list">;

/** The lines of a tenant, as it is when it is begun: a page at a time. */
export async function* auditLines(
  tables: AuditReader,
  tenant: string,
): AsyncIterable<readonly AuditLine[]> {
  const anchor = (await tables.get(tenant, logTables.chain, chainRows.anchor))?.value;
  const { head } = await readHead(tables, tenant);
  yield [{ type: "audit", format: 1, tenant, anchor: (anchor as ChainAnchor | undefined) ?? null }];
  const last = entryId(head.n);
  for (let after: string | undefined; ; ) {
    const page = { limit: PAGE, ...(after === undefined ? {} : { after }) };
    const rows = await tables.list(tenant, logTables.entries, page);
    const own = rows.filter(({ id }) => id <= last);
    yield await Promise.all(own.map((row) => entryLine(tables, tenant, row)));
    after = own.at(-1)?.id;
    if (own.length < PAGE) break;
    // Reads answer at once, and main serves everybody else too.
    await new Promise((resolve) => setImmediate(resolve));
  }
  yield await beyond(tables, tenant, last);
  yield* freshLines(tables, tenant);
  yield [{ type: "end", head: { n: head.n, hash: head.hash } }];
}

async function entryLine(
  tables: AuditReader,
  tenant: string,
  { id, value }: TableRow,
): Promise<AuditLine> {
  const content = (await tables.get(tenant, logTables.contents, id))?.value;
  return {
    type: "entry",
    ...(value as ChainEntry),
    content: (content as AuditContent | undefined) ?? null,
  };
}

/** What is chained meanwhile is not of this export; what no head knows of is shown. */
async function beyond(
  tables: AuditReader,
  tenant: string,
  last: string,
): Promise<readonly AuditLine[]> {
  const [row] = await tables.list(tenant, logTables.entries, { limit: 1, after: last });
  if (row === undefined || row.id <= entryId((await readHead(tables, tenant)).head.n)) return [];
  return [await entryLine(tables, tenant, row)];
}

async function* freshLines(
  tables: AuditReader,
  tenant: string,
): AsyncIterable<readonly AuditLine[]> {
  for (let after: string | undefined; ; ) {
    const page = { limit: PAGE, ...(after === undefined ? {} : { after }) };
    const rows = await tables.list(tenant, auditTable, page);
    yield rows.map(({ value }): AuditLine => ({ type: "fresh", row: value as AuditRow }));
    after = rows.at(-1)?.id;
    if (rows.length < PAGE) return;
  }
}
