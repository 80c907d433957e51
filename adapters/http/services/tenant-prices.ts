// What operations cost a tenant: as the configuration says, or as its operator has set for it. One read of a
// row in memory where a price is taken.

import type { OperationPrices, Prices } from "../../../actors/money/catalogue.ts";
import type { AuditFields, AuditSource } from "../../../actors/records/audit.ts";
import { unitsOf } from "../../../actors/records/price.ts";
import {
  changeAt,
  operationsAt,
  type PriceChange,
  TENANT_PRICES,
  type TenantPrices,
  tenantPricesTable,
  withChange,
} from "../../../actors/records/tenant-prices.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import type { Tables } from "../../../runtime/system.ts";
import { auditWrites } from "../../audit/audit-writes.ts";

/** What it reads. */
interface Parts {
  readonly system: { readonly tables: Pick<Tables, "get"> };
  readonly prices: Pick<Prices, "operations">;
  nowMs(): number;
}

/** What operations cost a tenant now. */
export async function operationsOf(
  { system, prices, nowMs }: Parts,
  tenant: string,
): Promise<OperationPrices> {
  const row = await system.tables.get(tenant, tenantPricesTable, TENANT_PRICES);
  return operationsAt(row?.value as TenantPrices | undefined, prices.operations, nowMs());
}

/** The prices of a tenant that its operator has set. */
export async function tenantPricesOf(
  tables: Pick<Tables, "get">,
  tenant: string,
): Promise<TenantPrices> {
  const row = await tables.get(tenant, tenantPricesTable, TENANT_PRICES);
  return (row?.value as TenantPrices | undefined) ?? { changes: [] };
}

/**
 * Sets what operations cost a tenant from a time on. The audit has it in the same commit.
 * @throws INVALID for a time that is past, REVISION_MISMATCH when it is changed by others meanwhile.
 */
export async function setTenantPrices(
  tables: Tables,
  tenant: string,
  {
    change,
    by,
    nowMs,
  }: { readonly change: PriceChange; readonly by: AuditSource; readonly nowMs: number },
): Promise<TenantPrices> {
  if (Date.parse(change.from) < nowMs) {
    const text = "Prices begin now or later: what was charged before stays as it was.";
    throw new RuntimeError("INVALID", text, { pointer: "/from" });
  }
  const stored = await tables.get(tenant, tenantPricesTable, TENANT_PRICES);
  const row = stored?.value as TenantPrices | undefined;
  const value = withChange(row, change);
  const sides = { before: sideOf(changeAt(row, Date.parse(change.from))), after: sideOf(change) };
  await tables.write(tenant, [
    {
      ...{ type: "put-if", table: tenantPricesTable, id: TENANT_PRICES, value },
      revision: stored?.revision ?? null,
    },
    ...auditWrites(by, { action: "prices.update", subject: tenant, details: {}, nowMs, ...sides }),
  ]);
  return value;
}

/** As the audit has it, in units. */
function sideOf(change: PriceChange | undefined): AuditFields {
  const { from = null, operations = {} } = change ?? {};
  const entries = Object.entries(operations).map(([name, micros]) => [name, unitsOf(micros)]);
  return { from, ...Object.fromEntries(entries) };
}
