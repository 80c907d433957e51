// GET /admin/audit: what was done in a tenant, by whom and when, and GET /admin/audit/export: all of it, to
// be verified elsewhere. An owner has that of its tenant, the operator that of any.

import { systemTenant } from "../../../actors/records/api-key.ts";
import { auditFilters } from "../../../actors/records/audit.ts";
import { Type } from "../../../actors/schema.ts";
import type { Tables } from "../../../runtime/system.ts";
import type { Chaining } from "../../audit/chaining.ts";
import type { KeyStore } from "../keys.ts";
import { named } from "../openapi/named.ts";
import { answers, orNull, pageOf, time } from "../openapi/responses.ts";
import { json } from "../reply.ts";
import { defineRoute, type Route, type RouteContext } from "../route.ts";
import { pageQuery, pageRequest } from "../services/paging.ts";
import { common, shown, tenantOf } from "./common.ts";

const path = "/admin/audit";
const auditQuery = [...auditFilters, "outcome", "from", "to"] as const;
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
      chained: Type.Boolean({ description: "Whether it is in the chain yet." }),
      n: orNull(Type.Integer({ description: "Number of its entry in the chain." })),
      erased: Type.Boolean({ description: "Whether `before` and `after` were erased." }),
      arguments: orNull(
        Type.Object({ before: anyObject, after: anyObject }, { additionalProperties: false }),
      ),
    },
    { additionalProperties: false },
  ),
);

/** What the audit works with. */
export interface AuditParts {
  readonly tables: Tables;
  readonly nowMs: () => number;
}

/** The routes of the audit. */
export function auditRoutes(parts: AuditParts, keys: KeyStore): readonly Route[] {
  const chaining = async (): Promise<Chaining> => {
    const { chainKey } = await import("../../audit/chain-key.ts");
    return { ...parts, key: await chainKey(parts.tables) };
  };
  return [listRoute(chaining, keys), exportRoute(chaining, keys), verifyRoute(chaining, keys)];
}

type MakeChaining = () => Promise<Chaining>;

function listRoute(chaining: MakeChaining, keys: KeyStore): Route {
  return defineRoute({
    summary: "List what was done and decided",
    description:
      "Newest first. `action` is a whole name, or ends with a point: `agent.` is every act on agents. `from` and `to` are times; `before` and `after` are the fields that an act has changed, without secrets; `arguments` is what a person changed, while the approval is kept. A page may be short and have a cursor all the same. `tenant=tn_system` is what the operator did to tenants, keys and the server.",
    responses: answers(200, pageOf(auditSchema), "A page of the audit."),
    ...common,
    method: "GET",
    pattern: path,
    permission: "audit.read",
    query: [...pageQuery, "tenant", ...auditQuery],
    handler: async (context) => {
      const { query } = context;
      const tenant = await auditedTenant(keys, context);
      // Loaded when it is first looked through.
      const { auditFilter, listAudit } = await import("../services/audit.ts");
      const page = pageRequest(query, path);
      return shown(path, await listAudit(await chaining(), tenant, page, auditFilter(query)));
    },
  });
}

function exportRoute(chaining: MakeChaining, keys: KeyStore): Route {
  return defineRoute({
    summary: "Export the audit",
    description:
      "`format=jsonl` (the default): the whole chain of a tenant from its anchor to its head, an object a line, which `troupe audit verify` takes. `format=csv`: a row an act, narrowed by the parameters of the list, oldest first.",
    responses: {
      200: {
        description: "The audit.",
        content: {
          "application/x-ndjson": Type.String({ description: "Lines as adapters/audit says." }),
          "text/csv": Type.String(),
        },
      },
    },
    ...common,
    method: "GET",
    pattern: `${path}/export`,
    permission: "audit.read",
    query: ["tenant", "format", ...auditQuery],
    handler: async (context) => {
      const tenant = await auditedTenant(keys, context);
      const { exportAudit } = await import("../services/audit-export.ts");
      return await exportAudit(await chaining(), tenant, context.query);
    },
  });
}

const verdict = named(
  "AuditVerdict",
  Type.Object(
    {
      tenant: orNull(text),
      entries: Type.Integer({ description: "Entries that are right, before the fault." }),
      erased: Type.Integer({ description: "Of them: whose `before` and `after` were erased." }),
      signed: Type.Integer({ description: "Of them: with a code of the key." }),
      fresh: Type.Integer({ description: "Rows that are not chained yet." }),
      head: Type.Object({ n: Type.Integer(), hash: text }, { additionalProperties: false }),
      fault: orNull(
        Type.Object(
          { n: Type.Integer(), kind: text, text },
          { additionalProperties: false, description: "The first entry that is wrong, and how." },
        ),
      ),
    },
    { additionalProperties: false },
  ),
);

function verifyRoute(chaining: MakeChaining, keys: KeyStore): Route {
  return defineRoute({
    summary: "Say whether the audit is whole",
    description:
      "Every entry is hashed again, and its code compared with the key, which no export has. Who does not trust the server exports, and verifies elsewhere.",
    responses: answers(200, verdict, "What was found."),
    ...common,
    method: "GET",
    pattern: `${path}/verify`,
    permission: "audit.read",
    query: ["tenant"],
    handler: async (context) => {
      const tenant = await auditedTenant(keys, context);
      const { verifyHere } = await import("../services/audit-export.ts");
      return json(200, await verifyHere(await chaining(), tenant));
    },
  });
}

/** The operator's own acts are those of no tenant. */
async function auditedTenant(
  keys: KeyStore,
  context: Pick<RouteContext, "principal" | "query">,
): Promise<string> {
  const named = context.query.get("tenant");
  if (named === systemTenant && context.principal.isServer) return systemTenant;
  return await tenantOf(keys, context, named);
}
