// Calls of embedders and re-rankers that a server had reserved when it died: nobody will say what they came
// to, so that they count as they were reserved, in budgets and in the ledger.

import { type PurseCallMessage, purseAddress } from "../../actors/money/messages.ts";
import { budgetTables } from "../../actors/records/budget.ts";
import { address } from "../../runtime/address.ts";
import type { System, Tables } from "../../runtime/system.ts";
import { CALL } from "./purse.ts";

/** Rows looked at in one read. */
const ROWS_AT_ONCE = 200;

/** What it works with. */
interface Recovery {
  readonly system: Pick<System, "ask"> & { readonly tables: Pick<Tables, "list"> };
  /** This start of the server: its own calls are under way. */
  readonly life: string;
}

/** A row of what is reserved, of such a call. */
interface OpenCall {
  readonly call: string;
  readonly life: string;
  /** Root of the purse that keeps it. */
  readonly purse: string;
}

/** Settles those of a tenant. Done again it finds nothing. */
export async function recoverCalls({ system, life }: Recovery, tenant: string): Promise<void> {
  for (let after: string | undefined; ; ) {
    const page = { prefix: `${CALL}_`, limit: ROWS_AT_ONCE, ...(after && { after }) };
    const rows = await system.tables.list(tenant, budgetTables.reservations, page);
    for (const { id, value } of rows) {
      const { call, purse: root, life: of } = value as unknown as OpenCall;
      if (of === life) continue;
      const to = purseAddress(address({ kind: "purse", tenant, root }));
      const run = id.slice(0, -call.length - 1);
      const message: PurseCallMessage = { type: "book", run, call, use: null };
      await system.ask(to, message);
    }
    after = rows.at(-1)?.id;
    if (rows.length < ROWS_AT_ONCE) return;
  }
}
