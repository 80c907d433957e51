// That what a route does is told: each act leaves a row with the request's id, by who asked, in the tenant
// it was done in or in the system's.

import { expect } from "vitest";
import { auditTable } from "../../../actors/records/audit.ts";
import { logTables } from "../../../adapters/audit/log-tables.ts";
import { actOfRoute } from "../../../adapters/http/audit-actions.ts";
import type { Route } from "../../../adapters/http/route.ts";
import type { Json } from "../../support/wire-client.ts";
import { isServers } from "./is-servers.ts";
import type { Told, World } from "./world.ts";

/** Holds an answer to what the audit says of its request. */
export async function expectTold(world: World, route: Route, told: Told): Promise<void> {
  const act = actOfRoute(route);
  if (act === null || told.status >= 400) return;
  const rows = await rowsOf(world, told.headers.get("x-request-id") ?? "");
  const kind = act.action.split(".", 1)[0] ?? "";
  expect(
    rows.map(({ action }) => action),
    JSON.stringify(rows),
  ).toEqual(expect.arrayContaining([expect.stringMatching(new RegExp(`^${kind}\\.`))]));
  const by = isServers(route) ? "operator" : expect.stringMatching(/^ak_/);
  for (const row of rows) {
    expect(row).toMatchObject({ by, outcome: "done", from: expect.stringContaining("127.0.0.1") });
    expect(row["subject"]).toEqual(expect.stringMatching(/./));
    // No key, and no hash of one, whatever was changed.
    expect(JSON.stringify(row)).not.toMatch(/troupe_[0-9a-z]{26}_[0-9a-z]{52}|whsec_/);
  }
}

async function rowsOf({ host }: World, request: string): Promise<readonly Json[]> {
  const tenants = [host.tenant, "tn_system", "tn_admin"];
  const found: Json[] = [];
  for (const tenant of tenants) {
    for (const table of [auditTable, logTables.entries]) {
      const page = { limit: 200, reverse: true };
      for (const { value } of await host.system.tables.list(tenant, table, page)) {
        const row = ((value as Json)["row"] ?? value) as Json;
        if (row["request_id"] === request) found.push(row);
      }
    }
  }
  return found;
}
