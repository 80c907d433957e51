// Which routes are the server's alone.

import { permissionOf, permissions } from "../../../adapters/http/permissions.ts";
import type { Route } from "../../../adapters/http/route.ts";

/** Whether only the server's admin key may call it. */
export function isServers(route: Route): boolean {
  return route.isPublic !== true && permissions[permissionOf(route)].least === "server";
}
