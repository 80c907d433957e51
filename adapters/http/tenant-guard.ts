// Whether the tenant of whoever asks is open: one that is suspended is refused, one that is being removed
// is as if it had never been. Asked of the runtime's memory with each request, whatever proved who it
// was: key, cookie or token.

import { type ErrorCode, RuntimeError } from "../../runtime/errors.ts";
import type { TenantWork } from "../../runtime/system.ts";
import type { TenantRates } from "../tenants/limits.ts";
import type { Authenticator } from "./auth.ts";
import type { Principal } from "./route.ts";

/** Refusals that are told in the tenant's own audit: it is there. */
const told: ReadonlySet<ErrorCode> = new Set(["TENANT_SUSPENDED", "RATE_LIMITED"]);
const refused = new WeakMap<object, Principal>();

/** Who had proved who they are and was not let in; null for any other error. */
export function refusedBy(error: unknown): Principal | null {
  return typeof error === "object" && error !== null ? (refused.get(error) ?? null) : null;
}

/** The same authenticator, for tenants that are open. */
export function guardTenants(
  authenticator: Authenticator,
  guard: { readonly tenants: Pick<TenantWork, "stateOf">; readonly rates: TenantRates },
): Authenticator {
  const { tenants, rates } = guard;
  const open = (principal: Principal): Principal => {
    try {
      checkOpen(principal, tenants);
      if (!principal.isServer) rates.take(principal.tenant);
    } catch (error) {
      if (error instanceof RuntimeError && told.has(error.code)) refused.set(error, principal);
      throw error;
    }
    return principal;
  };
  return {
    // Not a request of its tenant, so nothing is taken of its rate.
    again: async (request) => {
      const principal = await authenticator.again(request);
      checkOpen(principal, tenants);
      return principal;
    },
    addressOf: (request) => authenticator.addressOf(request),
    known: (request) => {
      const principal = authenticator.known(request);
      return principal === null ? null : open(principal);
    },
    authenticate: async (request) => open(await authenticator.authenticate(request)),
    authenticateKey: async (key, address) =>
      open(await authenticator.authenticateKey(key, address)),
  };
}

/**
 * @throws TENANT_SUSPENDED for whoever is not the operator, who may look into a suspended tenant;
 *   UNAUTHENTICATED, and NOT_FOUND for the operator, when it is being removed or gone.
 */
export function checkOpen(principal: Principal, tenants: Pick<TenantWork, "stateOf">): void {
  const { tenant } = principal;
  const state = tenants.stateOf(tenant);
  if (state === "active") return;
  const isOperator = principal.isServer;
  if (state !== "suspended") {
    throw isOperator
      ? new RuntimeError("NOT_FOUND", `There is no tenant ${tenant}.`)
      : new RuntimeError("UNAUTHENTICATED", "The API key is not valid here.");
  }
  if (!isOperator) throw new RuntimeError("TENANT_SUSPENDED", "This tenant is suspended.");
}
