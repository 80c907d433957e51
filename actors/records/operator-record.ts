// What records have in common that are the operator's and granted to tenants by name: written by an owner of the
// first tenant alone; whoever they are granted to sees that they are there, and what is needed to use them.

import { RuntimeError } from "../../runtime/errors.ts";
import { Type } from "../schema.ts";
import { firstTenant } from "./tenant.ts";

/** Tenants that one record is granted to. */
const GRANTS_MAX = 1_000;

/** Field `granted_to`: tenants beside the first, or "*" for all. */
export const grantedTo = Type.Optional(
  Type.Array(Type.String({ pattern: "^([*]|tn_[A-Za-z0-9]{1,61})$" }), {
    maxItems: GRANTS_MAX,
    uniqueItems: true,
  }),
);

/** A record that may be granted. */
export interface Granted {
  readonly granted_to?: readonly string[] | undefined;
}

/** Whether a tenant may use a record of the first tenant's. */
export function isGranted({ granted_to = [] }: Granted, tenant: string): boolean {
  return granted_to.some((one) => one === "*" || one === tenant);
}

/** Who changes a record. `role` of the key within its tenant; "server" of the server's own. */
export interface Changer {
  readonly tenant: string;
  readonly role?: string;
}

/** @throws FORBIDDEN for whoever is no owner of the first tenant. @param what "Engines", "Targets of type ssh". */
export function checkOperator({ tenant, role }: Changer, what: string): void {
  const isOwner = role === "owner" || role === "server";
  if (tenant === firstTenant && isOwner) return;
  const message = `${what} are the operator's: an owner of the server's first tenant makes, changes and removes them, and grants them to others.`;
  throw new RuntimeError("FORBIDDEN", message);
}
