// Which routes are refused to a tenant that has stored all it may: those that take in what is kept. What
// removes, stops, decides or only looks is not, nor what protects a tenant or bounds it: keys, tokens,
// integrations, guardrails, budgets. Messages are refused where answers begin (asks-room.ts).

import { toErrorData } from "../../runtime/errors.ts";
import { type Permission, type Permitted, permissionOf } from "../http/permissions.ts";
import type { Route, RouteContext } from "../http/route.ts";
import type { HttpResponse } from "../http/server.ts";
import { isNoRoom, type Release, type StorageRoom } from "./storage-room.ts";

const storing: ReadonlySet<Permission> = new Set([
  ...(["agents.write", "resources.write", "knowledge.write"] as const),
  ...(["evaluations.write", "memories.write", "engines.manage"] as const),
]);

/** Whether a route takes in what is stored: as it says, else by its permission. */
export function stores(route: Permitted & Pick<Route, "stores" | "isPublic">): boolean {
  if (route.stores !== undefined) return route.stores;
  if (route.isPublic === true || route.method === "DELETE" || route.isControl === true)
    return false;
  return storing.has(permissionOf(route));
}

/** The same routes, of which those that store ask for room before their handler takes anything. */
export function withStorageRoom(routes: readonly Route[], room: StorageRoom): readonly Route[] {
  return routes.map((route) => {
    if (!stores(route)) return route;
    const handler: Route["handler"] = (context) => {
      const taken = room.take(context.principal.tenant, wantedBy(context));
      return taken === null ? route.handler(context) : handled(route, context, taken);
    };
    return { ...route, handler };
  });
}

async function handled(
  route: Route,
  context: RouteContext<never>,
  taken: Promise<Release>,
): Promise<HttpResponse> {
  const release = await taken.catch((error: unknown) => {
    if (!isKeyed(route, context) || !isNoRoom(error)) throw error;
    // What was stored under its key is answered once more, and nothing else.
    context.request.otherwise = toErrorData(error);
    return () => undefined;
  });
  try {
    return await route.handler(context);
  } finally {
    release();
  }
}

function isKeyed({ reads = [] }: Route, { request }: RouteContext<never>): boolean {
  return reads.includes("Idempotency-Key") && request.header("idempotency-key") !== undefined;
}

/** Bytes of its body, as far as they are known: 0 of one that is sent in pieces and read by its handler. */
function wantedBy({ bodyBytes, request }: RouteContext<never>): number {
  if (bodyBytes.length > 0) return bodyBytes.length;
  const said = Number(request.header("content-length") ?? 0);
  return Number.isSafeInteger(said) && said > 0 ? said : 0;
}
