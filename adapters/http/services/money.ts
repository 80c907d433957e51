// Charges of operations on main: the writes that take the price and note it in the ledger, to be
// committed together with the change they pay for. A chat's charge is taken by its conversation.

import {
  balanceCounter,
  type Charge,
  freshLedgerTable,
  type LedgerRow,
} from "../../../actors/records/conversation.ts";
import { newId } from "../../../runtime/id.ts";
import type { System, TableWrite } from "../../../runtime/system.ts";

/** What a charge is for. */
export interface ChargeFor {
  readonly service: string;
  readonly keyId: string | null;
  /** What was made or changed. */
  readonly agentId: string;
  readonly nowMs: number;
}

/** Writes that take a charge and note it; none when nothing is to pay. */
export function chargeWrites(charge: Charge, purpose: ChargeFor): readonly TableWrite[] {
  if (charge.micros === 0) return [];
  const row: LedgerRow = {
    id: newId("le", purpose.nowMs),
    at: new Date(purpose.nowMs).toISOString(),
    service: purpose.service,
    run_id: null,
    key_id: purpose.keyId,
    agent_id: purpose.agentId,
    charge,
    spend: null,
    outcome: "completed",
  };
  return [
    { type: "add", counter: balanceCounter, delta: -charge.micros, min: 0 },
    { type: "put", table: freshLedgerTable, id: row.id, value: row },
  ];
}

/** Balance of a tenant in millionths. */
export function balanceOf(system: System, tenant: string): Promise<number> {
  return system.tables.counter(tenant, balanceCounter);
}
