// What an operator does to a balance, which is a row of the ledger too.

import {
  balanceCounter,
  freshLedgerTable,
  type LedgerRow,
} from "../../../actors/records/conversation.ts";
import { newId } from "../../../runtime/id.ts";
import type { System } from "../../../runtime/system.ts";
import { balanceOf } from "./money.ts";

/** Adds to a tenant's balance; returns the balance after it in millionths. */
export async function addCredit(
  system: System,
  tenant: string,
  micros: number,
  by: { readonly keyId: string | null; readonly nowMs: number },
): Promise<number> {
  const row: LedgerRow = {
    id: newId("le", by.nowMs),
    at: new Date(by.nowMs).toISOString(),
    service: "credit",
    run_id: null,
    key_id: by.keyId,
    charge: { units: 1, unitPriceMicros: -micros, micros: -micros },
    spend: null,
    outcome: "completed",
  };
  const { counters } = await system.tables.write(tenant, [
    { type: "add", counter: balanceCounter, delta: micros },
    { type: "put", table: freshLedgerTable, id: row.id, value: row },
  ]);
  return counters[balanceCounter] ?? (await balanceOf(system, tenant));
}
