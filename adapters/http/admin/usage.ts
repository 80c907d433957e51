// GET /admin/usage and /admin/ledger: what was used and paid, as sums and row by row, as JSON and as CSV.
// How they are answered is loaded when they are first asked for.

import { type TSchema, Type } from "../../../actors/schema.ts";
import type { KeyStore } from "../keys.ts";
import { pageOf } from "../openapi/responses.ts";
import { defineRoute, type Route, type RouteResponse } from "../route.ts";
import { pageQuery } from "../services/paging.ts";
import type { Services } from "../services/services.ts";
import { common, tenantOf } from "./common.ts";
import { ledgerFilters, ledgerSchema, usageSchema } from "./usage-schemas.ts";

/** The routes. */
export function usageRoutes(services: Services, keys: KeyStore): readonly Route[] {
  return [
    defineRoute({
      summary: "Read what was used and paid",
      description:
        "Sums of a tenant's ledger by `group_by` (day, agent, model, key, service; default service) for each day, month or all of the time between `from` and `to` (`granularity`), with its balance. Days are those of UTC: a time within a day means the whole of it. Nothing is scanned: what is fresh is added to the sums before. `is_cut`: there are more groups than the 2,000 of one answer, or much is fresh; ask for a shorter time, or for CSV (`format=csv`, or `Accept: text/csv`).",
      responses: { 200: bothWays("The sums.", usageSchema) },
      ...common,
      method: "GET",
      pattern: "/admin/usage",
      permission: "usage.read",
      query: ["from", "to", "tenant", "group_by", "granularity", "format"],
      handler: async (context) => {
        const tenant = await tenantOf(keys, context, context.query.get("tenant"));
        const { answerUsage } = await import("./usage-answers.ts");
        return await answerUsage(services, tenant, context);
      },
    }),
    defineRoute({
      summary: "List the rows of the ledger",
      description:
        "Newest first: each call and each change of the balance, with what every model took of it. `from` and `to` are times. As CSV (`format=csv`, or `Accept: text/csv`) it is all of them.",
      responses: { 200: bothWays("A page of the ledger.", pageOf(ledgerSchema)) },
      ...common,
      method: "GET",
      pattern: "/admin/ledger",
      permission: "usage.read",
      query: [...pageQuery, "tenant", ...ledgerFilters, "from", "to", "format"],
      handler: async (context) => {
        const tenant = await tenantOf(keys, context, context.query.get("tenant"));
        const { answerLedger } = await import("./usage-answers.ts");
        return await answerLedger(services, tenant, context);
      },
    }),
  ];
}

function bothWays(description: string, schema: TSchema): RouteResponse {
  return { description, content: { "application/json": schema, "text/csv": Type.String() } };
}
