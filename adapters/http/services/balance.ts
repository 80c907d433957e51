// What an operator does to a balance: added to or taken from, which is a row of the ledger and of the audit.

import type { AuditSource } from "../../../actors/records/audit.ts";
import {
  balanceCounter,
  freshLedgerTable,
  type LedgerRow,
} from "../../../actors/records/conversation.ts";
import { unitsOf } from "../../../actors/records/price.ts";
import { newId } from "../../../runtime/id.ts";
import type { System } from "../../../runtime/system.ts";
import { auditWrites } from "../../audit/audit-writes.ts";
import { balanceOf } from "./money.ts";
import { type OnceKey, once } from "./once.ts";

/** A change of a balance. */
export interface BalanceChange {
  readonly service: "credit" | "debit";
  /** What is added or taken, millionths above 0. */
  readonly micros: number;
  readonly note: string | null;
  readonly keyId: string | null;
  readonly by: AuditSource;
  readonly nowMs: number;
}

/**
 * Changes a balance, once for each key. @returns the balance after it, of a repetition the present one.
 * @throws BALANCE_EXHAUSTED when more would be taken than there is; KEY_REUSED.
 */
export async function changeBalance(
  system: System,
  tenant: string,
  change: BalanceChange,
  key: OnceKey | null,
): Promise<number> {
  const { service, micros, note, keyId, by, nowMs } = change;
  const added = service === "credit" ? micros : -micros;
  const row: LedgerRow = {
    ...{ id: newId("le", nowMs), at: new Date(nowMs).toISOString(), service, run_id: null },
    ...{ key_id: keyId, agent_id: null, spend: null, outcome: "completed" },
    charge: { units: 1, unitPriceMicros: -added, micros: -added },
    ...(note !== null && { note }),
  };
  const action = service === "credit" ? "credit.add" : "credit.take";
  const details = { amount: unitsOf(micros), note, ledger: row.id };
  const place = { tables: system.tables, tenant, service: `admin.${service}` };
  const { result, isRepeat } = await once<number>(place, key, nowMs, async (remember) => {
    const { counters } = await system.tables.write(tenant, [
      { type: "add", counter: balanceCounter, delta: added, ...(added < 0 && { min: 0 }) },
      { type: "put", table: freshLedgerTable, id: row.id, value: row },
      ...remember(added),
      ...auditWrites(by, { action, subject: tenant, details, nowMs }),
    ]);
    return counters[balanceCounter] ?? (await balanceOf(system, tenant));
  });
  return isRepeat ? await balanceOf(system, tenant) : result;
}
