// Who acts, for the audit, from a route's context.

import type { AuditSource } from "../../actors/records/audit.ts";
import type { RouteContext } from "./route.ts";

/** What of a request says who acts. */
export type ActContext = Pick<RouteContext, "principal" | "request">;

/** Key, role, address and request. */
export function auditSourceOf({ principal, request }: ActContext): AuditSource {
  return {
    by: principal.keyId ?? (principal.role === "admin" ? "operator" : principal.via),
    role: principal.role,
    request_id: request.id,
    from: request.peer,
    channel: principal.via === "cookie" ? "console" : "api",
  };
}
