// Which tenants' work rests in one kernel: their actors have no turn and their runs begin no step. How
// they come to rest and go on is suspend.ts.

import { type Address, tenantOfAddress } from "../address.ts";
import type { ErrorData } from "../errors.ts";

/** What whoever speaks to a suspended tenant is told. */
export function suspendedError(): ErrorData {
  return { code: "TENANT_SUSPENDED", message: "This tenant is suspended." };
}

/** The suspended tenants of one kernel. Asked for each message: nothing is looked up while none is. */
export class Suspended {
  readonly #tenants = new Set<string>();

  has(tenant: string): boolean {
    return this.#tenants.size > 0 && this.#tenants.has(tenant);
  }

  hasAddress(address: Address): boolean {
    return this.#tenants.size > 0 && this.#tenants.has(tenantOfAddress(address));
  }

  add(tenant: string): void {
    this.#tenants.add(tenant);
  }

  delete(tenant: string): boolean {
    return this.#tenants.delete(tenant);
  }
}
