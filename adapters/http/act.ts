// Who acts, for the audit, from a route's context.

import type { AuditSource } from "../../actors/records/audit.ts";
import type { RouteContext } from "./route.ts";

/** What of a request says who acts. */
export type ActContext = Pick<RouteContext, "principal" | "request" | "address">;

/** Key, role, address and request. */
export function auditSourceOf({ principal, request, address }: ActContext): AuditSource {
  return {
    by: principal.keyId ?? (principal.isServer ? "operator" : principal.via),
    role: principal.isServer ? "server" : principal.role,
    request_id: request.id,
    from: address,
    channel: principal.via === "cookie" ? "console" : "api",
  };
}
