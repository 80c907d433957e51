// The ledger as the operator reads it: sums of a tenant's rows, and credit, which is a row too.

import {
  balanceCounter,
  type LedgerRow,
  ledgerTable,
} from "../../../actors/records/conversation.ts";
import { unitsOf } from "../../../actors/records/price.ts";
import { newId } from "../../../runtime/id.ts";
import type { System } from "../../../runtime/system.ts";
import { balanceOf } from "./money.ts";

/** Rows read in one go, and the most that one answer sums up. */
const READ_PAGE = 200;
const ROWS_MAX = 50_000;

/** Sums of one service. */
export interface ServiceUsage {
  readonly service: string;
  readonly calls: number;
  /** Calls that did not complete. */
  readonly failed: number;
  readonly charged: number;
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
}

/** Sums of a tenant. `is_cut`: there were more rows than one answer sums up. */
export interface TenantUsage {
  readonly balance: number;
  readonly services: readonly ServiceUsage[];
  readonly is_cut: boolean;
}

/** Sums the ledger of a tenant between two times (ms; null is open). */
export async function usageOf(
  system: System,
  tenant: string,
  range: { readonly from: number | null; readonly to: number | null },
): Promise<TenantUsage> {
  const sums = new Map<string, Sums>();
  const toId = range.to === null ? null : idAt(range.to);
  let after = range.from === null ? null : idAt(range.from);
  let read = 0;
  let isCut = false;
  for (let isMore = true; isMore; ) {
    const page = { limit: READ_PAGE, ...(after === null ? {} : { after }) };
    const rows = await system.tables.list(tenant, ledgerTable, page);
    const inside = rows.filter((row) => toId === null || row.id < toId);
    for (const row of inside) add(sums, row.value as LedgerRow);
    read += rows.length;
    after = rows.at(-1)?.id ?? null;
    isCut = read >= ROWS_MAX && rows.length === READ_PAGE;
    isMore = inside.length === READ_PAGE && !isCut;
  }
  const services = [...sums].map(([service, { micros, ...sum }]) => ({
    service,
    ...sum,
    charged: unitsOf(micros),
  }));
  const balance = unitsOf(await balanceOf(system, tenant));
  return { balance, services: services.sort(byService), is_cut: isCut };
}

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
    { type: "put", table: ledgerTable, id: row.id, value: row },
  ]);
  return counters[balanceCounter] ?? (await balanceOf(system, tenant));
}

interface Sums {
  calls: number;
  failed: number;
  micros: number;
  prompt_tokens: number;
  completion_tokens: number;
}

function add(sums: Map<string, Sums>, row: LedgerRow): void {
  const sum = sums.get(row.service) ?? {
    calls: 0,
    failed: 0,
    micros: 0,
    prompt_tokens: 0,
    completion_tokens: 0,
  };
  sums.set(row.service, sum);
  sum.calls += 1;
  sum.failed += row.outcome === "completed" ? 0 : 1;
  sum.micros += row.charge.micros;
  sum.prompt_tokens += row.spend?.promptTokens ?? 0;
  sum.completion_tokens += row.spend?.completionTokens ?? 0;
}

/** The first id of a moment: ids begin with their time. */
function idAt(ms: number): string {
  return newId("le", ms, (bytes) => new Uint8Array(bytes));
}

function byService(left: ServiceUsage, right: ServiceUsage): number {
  return left.service < right.service ? -1 : 1;
}
