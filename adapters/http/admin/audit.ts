// GET /admin/audit: what was decided in a tenant, by whom and when. An owner looks through that of its
// tenant, the operator through that of any.

import { auditFilters } from "../../../actors/records/audit.ts";
import { Type } from "../../../actors/schema.ts";
import type { KeyStore } from "../keys.ts";
import { named } from "../openapi/named.ts";
import { answers, orNull, pageOf, time } from "../openapi/responses.ts";
import { defineRoute, type Route } from "../route.ts";
import { pageQuery, pageRequest } from "../services/paging.ts";
import type { Services } from "../services/services.ts";
import { common, shown, tenantOf } from "./common.ts";

const path = "/admin/audit";
const text = Type.String();
const anyObject = Type.Record(Type.String(), Type.Unknown());

const auditSchema = named(
  "AuditEntry",
  Type.Object(
    {
      id: text,
      at: time,
      action: Type.String({ description: 'What was done, e.g. "agent.update".' }),
      by: Type.String({
        description:
          'An API key (`ak_`), "operator" for the server\'s own, "server" for what it does by itself, or "rule" and "expiry" of approvals.',
      }),
      by_name: orNull(Type.String({ description: "Name of the key." })),
      role: orNull(Type.String({ description: "What the key was then." })),
      request_id: orNull(text),
      from: orNull(Type.String({ description: "Address of the peer." })),
      channel: orNull(Type.String({ description: "`api`, `console`, `run` or `server`." })),
      subject: Type.String({ description: "Id of what it was done to." }),
      run_id: orNull(text),
      outcome: Type.String({
        description:
          "`done`, `refused`, `failed`, `begun` while it is under way, `unknown` when its end is not known.",
      }),
      details: anyObject,
      before: orNull(anyObject),
      after: orNull(anyObject),
      arguments: orNull(
        Type.Object({ before: anyObject, after: anyObject }, { additionalProperties: false }),
      ),
    },
    { additionalProperties: false },
  ),
);

/** The route of the audit. */
export function auditRoutes({ system }: Services, keys: KeyStore): readonly Route[] {
  return [
    defineRoute({
      summary: "List what was done and decided",
      description:
        "Newest first. `from` and `to` are times; `before` and `after` are the fields that an act has changed, without secrets; `arguments` is what a person changed, while the approval is kept.",
      responses: answers(200, pageOf(auditSchema), "A page of the audit."),
      ...common,
      method: "GET",
      pattern: path,
      permission: "audit.read",
      query: [...pageQuery, "tenant", ...auditFilters, "from", "to"],
      handler: async (context) => {
        const { query } = context;
        const tenant = await tenantOf(keys, context, query.get("tenant"));
        // Loaded when it is first looked through.
        const { auditFilter, listAudit } = await import("../services/audit.ts");
        const page = pageRequest(query, path);
        return shown(path, await listAudit(system.tables, tenant, page, auditFilter(query)));
      },
    }),
  ];
}
