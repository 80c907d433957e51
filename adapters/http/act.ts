// Who acts, for the audit, from a route's context.

import type { AuditSource } from "../../actors/records/audit.ts";
import type { RouteContext } from "./route.ts";

/** What of a request says who acts. */
export type ActContext = Pick<RouteContext, "principal" | "request" | "address">;

/** Key, role, address and request. A browser that has signed in is a session. */
export function auditSourceOf({ principal, request, address }: ActContext): AuditSource {
  const unnamed = principal.via === "cookie" ? "session" : principal.via;
  return {
    by: principal.keyId ?? (principal.isServer ? "operator" : unnamed),
    role: principal.isServer ? "server" : principal.role,
    request_id: request.id,
    from: address,
    channel: principal.via === "cookie" ? "console" : "api",
  };
}
