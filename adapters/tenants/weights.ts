// Weights of tenants: their shares wherever tenants take turns. They count from the runtime's memory; a row
// of the system's own tenant is there for each that is not 1, so that a start need not read every tenant.

import { systemTenant } from "../../actors/records/api-key.ts";
import { weightsTable } from "../../actors/records/tenant.ts";
import { type TenantLimits, weightIn } from "../../actors/records/tenant-limits.ts";
import type { System, TableWrite } from "../../runtime/system.ts";

/** Rows read at once. */
const PAGE_ROWS = 200;

type Weighing = Pick<System, "tables" | "tenants">;

/** The write of a tenant's weight, in a batch of the system's tenant. */
export function weightWrite(tenant: string, limits: TenantLimits): TableWrite {
  const weight = weightIn(limits);
  if (weight === 1) return { type: "remove", table: weightsTable, id: tenant };
  return { type: "put", table: weightsTable, id: tenant, value: { weight } };
}

/**
 * Does what writes a tenant's weight while it counts already: it is refused before anything is written when
 * too many tenants have one. @throws TENANT_LIMIT, and what `write` throws; then the weight is as it was.
 */
export async function weighing<T>(
  { tenants }: Pick<Weighing, "tenants">,
  of: { readonly tenant: string; readonly limits: TenantLimits },
  write: () => Promise<T>,
): Promise<T> {
  const { tenant, limits } = of;
  const before = tenants.weightOf(tenant);
  tenants.weigh(tenant, weightIn(limits));
  try {
    return await write();
  } catch (error) {
    tenants.weigh(tenant, before);
    throw error;
  }
}

/** What is stored counts from now on; called when the server starts. */
export async function loadWeights({ tables, tenants }: Weighing): Promise<void> {
  for (let after = ""; ; ) {
    const from = after === "" ? {} : { after };
    const page = await tables.list(systemTenant, weightsTable, { limit: PAGE_ROWS, ...from });
    for (const { id, value } of page) tenants.weigh(id, (value as { weight: number }).weight);
    after = page.at(-1)?.id ?? "";
    if (page.length < PAGE_ROWS) return;
  }
}
