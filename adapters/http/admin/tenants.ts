// Tenants as the operator has them: created, looked at, changed, suspended, resumed and removed.

import { newTenant, tenantPatch } from "../../../actors/records/tenant.ts";
import { Type } from "../../../actors/schema.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import type { TenantService } from "../../tenants/tenants.ts";
import { auditSourceOf } from "../act.ts";
import { answers, pageOf as pageSchema } from "../openapi/responses.ts";
import { json } from "../reply.ts";
import { defineRoute, type Route, type RouteContext } from "../route.ts";
import type { HttpResponse } from "../server.ts";
import { pageOf, pageQuery, pageRequest } from "../services/paging.ts";
import { common, shown } from "./common.ts";
import type { ExportParts } from "./tenant-export.ts";
import { tenantDetailsSchema, tenantSchema } from "./tenant-schemas.ts";

const path = "/admin/tenants";
const one = `${path}/{tn}`;
const operator = { ...common, permission: "tenants.manage", query: [] } as const;

/** Routes of tenants. */
export function tenantRoutes(services: ExportParts): readonly Route[] {
  const { tenants } = services;
  return [...recordRoutes(tenants), ...lifeRoutes(tenants), exportRoute(services)];
}

function exportRoute(services: ExportParts): Route {
  let made: Promise<(context: RouteContext) => Promise<HttpResponse>> | undefined;
  return defineRoute({
    ...operator,
    permission: "tenant.export",
    summary: "Export a tenant",
    description:
      "Everything that it has, as it is at one moment, as JSON lines: a header, a line for each record, message, run, document, file, key and entry of the audit, and a last line with counts and the SHA-256 of what comes before it (adapters/tenants/README.md). No secret is in it, neither in clear nor sealed. Also of a tenant that is suspended; 409 for one that is being removed, and while two exports are under way. An owner may export the own tenant, without what the operator's audit tells of it: one at once and for ten minutes at most, and 409 too while two other owners do. One that is cut has no last line.",
    responses: {
      200: { description: "The export.", content: { "application/x-ndjson": Type.String() } },
    },
    method: "POST",
    pattern: `${one}/export`,
    handler: async (context) => {
      made ??= import("./tenant-export.ts").then((loaded) => loaded.createTenantExport(services));
      return (await made)(context);
    },
  });
}

function recordRoutes(tenants: TenantService): readonly Route[] {
  return [
    defineRoute({
      ...operator,
      summary: "Create a tenant",
      description:
        "A tenant has its own agents, runs, knowledge, keys and balance, which begins at 0. `limits` bound what it may have. Sent twice it makes two.",
      responses: answers(201, tenantSchema, "The tenant."),
      method: "POST",
      pattern: path,
      body: newTenant,
      handler: async (context) =>
        json(201, await tenants.create(context.body, auditSourceOf(context))),
    }),
    defineRoute({
      ...operator,
      summary: "List tenants",
      description: "All of them, in the order of their ids, which is that of their creation.",
      responses: answers(200, pageSchema(tenantSchema), "A page of tenants."),
      query: pageQuery,
      method: "GET",
      pattern: path,
      handler: async ({ query }) => {
        const { limit, ...page } = pageRequest(query, path);
        const rows = await tenants.list({ ...page, limit: limit + 1 });
        return shown(path, pageOf(rows, limit, { id: (row) => row.id, item: (row) => row }));
      },
    }),
    defineRoute({
      ...operator,
      summary: "Read a tenant",
      description:
        "Its status, and where its removal stands; `effective_limits` says what it may have, whether that is its own or the configuration's (`tenants.limits`), and what it has. One that was removed is shown by its id and times.",
      responses: answers(200, tenantDetailsSchema, "The tenant."),
      method: "GET",
      pattern: one,
      handler: async ({ params }) => json(200, await tenants.details(params["tn"] ?? "")),
    }),
    defineRoute({
      ...operator,
      summary: "Change a tenant",
      description:
        "Its name, and those of its limits that are named; null says none, and `default` leaves it to the configuration (`tenants.limits`). Below what there is, a limit lets nothing more be made. 409 for one that is being removed.",
      responses: answers(200, tenantSchema, "The tenant."),
      method: "PATCH",
      pattern: one,
      body: tenantPatch,
      handler: async (context) => {
        const { params, body } = context;
        return json(200, await tenants.patch(params["tn"] ?? "", body, auditSourceOf(context)));
      },
    }),
  ];
}

function lifeRoutes(tenants: TenantService): readonly Route[] {
  return [
    defineRoute({
      ...operator,
      summary: "Suspend a tenant",
      description:
        "When it is answered, its keys and sessions are 403 (`tenant_suspended`), its runs have stopped at a step, and nothing of it is sent or taken in; a step that took longer than two seconds was cut and is done again as after a crash. Done again it stays suspended. The operator may still read and export it.",
      responses: answers(200, tenantSchema, "The tenant, suspended."),
      method: "POST",
      pattern: `${one}/suspend`,
      handler: async (context) =>
        json(200, await tenants.suspend(context.params["tn"] ?? "", auditSourceOf(context))),
    }),
    defineRoute({
      ...operator,
      summary: "Resume a tenant",
      description:
        "Its runs go on where they stopped, and what came due meanwhile is done now. The time limits of runs went on while it was suspended.",
      responses: answers(200, tenantSchema, "The tenant, active."),
      method: "POST",
      pattern: `${one}/resume`,
      handler: async (context) =>
        json(200, await tenants.resume(context.params["tn"] ?? "", auditSourceOf(context))),
    }),
    defineRoute({
      ...operator,
      summary: "Remove a tenant and everything of it",
      description:
        "When it is answered, nobody reaches anything of it: its keys are 401, its runs have ended. Then its rows and files go (`purging`), and with a compaction, within a day, at the next start or by `troupe compact`, the last of them in any file (`purged`). It cannot be taken back, and done again it goes on. 409 for the tenant that the request itself acts in.",
      responses: answers(202, tenantSchema, "The tenant, which is being removed."),
      method: "DELETE",
      pattern: one,
      handler: async (context) => {
        const id = context.params["tn"] ?? "";
        if (id === context.principal.tenant) {
          throw new RuntimeError("CONFLICT", "A tenant is not removed by who acts in it.");
        }
        return json(202, await tenants.remove(id, auditSourceOf(context)));
      },
    }),
  ];
}
