// Who calls a service, from a route's context.

import { auditSourceOf } from "../act.ts";
import type { RouteContext } from "../route.ts";
import type { Caller } from "./agent-store.ts";

/** Tenant, key and service of a request. */
export function callerOf(context: Pick<RouteContext, "principal" | "route">): Caller {
  const { tenant, keyId, isServer, role, allowedResources, boundTo } = context.principal;
  const { service } = context.route;
  const reached = { allowedResources: allowedResources ?? null, boundTo: boundTo ?? null };
  return { tenant, keyId, service, role: isServer ? "server" : role, ...reached };
}

/** The same, with what an actor writes of it into the audit. */
export function actingOf(
  context: Pick<RouteContext, "principal" | "route" | "request" | "address">,
): Caller {
  return { ...callerOf(context), source: auditSourceOf(context) };
}
