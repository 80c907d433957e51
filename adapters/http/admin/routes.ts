// The surface under /admin: tenants, keys, credit, usage and the live state of the runtime. A key of a
// tenant sees and changes what is its tenant's, by its role; the server's admin key all tenants.

import { apiKeyInput } from "../../../actors/records/api-key.ts";
import { Type } from "../../../actors/schema.ts";
import type { KeyStore } from "../keys.ts";
import { answers, pageOf as pageSchema } from "../openapi/responses.ts";
import { json } from "../reply.ts";
import { defineRoute, type Route } from "../route.ts";
import { pageOfSeen, pageQuery, pageRequest } from "../services/paging.ts";
import type { Services } from "../services/services.ts";
import { alertRoutes } from "./alerts.ts";
import { auditRoutes } from "./audit.ts";
import { balanceRoutes } from "./balance.ts";
import { budgetRoutes } from "./budgets.ts";
import { common, type Redact, shown, tenantOf } from "./common.ts";
import { deadLetterRoutes } from "./dead-letters.ts";
import { keyChangeRoutes, revoked, seesKey, tenantOfKey } from "./key-changes.ts";
import { pricesRoute } from "./prices.ts";
import { runtimeRoutes } from "./runtime.ts";
import { keySchema, newKeySchema } from "./schemas.ts";
import { tenantPriceRoutes } from "./tenant-prices.ts";
import { tenantRoutes } from "./tenants.ts";
import { usageRoutes } from "./usage.ts";

const keysPath = "/admin/keys";

const keyBody = Type.Object(
  { ...apiKeyInput.properties, tenant: Type.Optional(Type.String({ maxLength: 64 })) },
  { additionalProperties: false },
);

/** All routes of the surface. `redact` takes secrets out of what a program's errors say. */
export function adminRoutes(services: Services, keys: KeyStore, redact: Redact): readonly Route[] {
  return [
    ...tenantRoutes(services),
    ...balanceRoutes(services, keys),
    ...keyRoutes(services, keys),
    ...keyChangeRoutes(services, keys),
    ...usageRoutes(services, keys),
    ...alertRoutes(services, keys),
    pricesRoute(services),
    ...tenantPriceRoutes(services, keys),
    ...budgetRoutes(services, keys),
    ...auditRoutes({ tables: services.system.tables, nowMs: services.nowMs }, keys),
    ...deadLetterRoutes(services, keys, redact),
    ...runtimeRoutes(services, keys, redact),
  ];
}

function keyRoutes(services: Services, keys: KeyStore): readonly Route[] {
  return [
    defineRoute({
      summary: "Create an API key",
      description:
        "The answer shows the key itself, once: only its SHA-256 is stored. Without `allowed_services` it may use all but those of conversations, memories and approvals. The admin key names the tenant; an owner makes keys of its own tenant, an admin those of roles below its own, and neither gives a key more services, more of `allowed_resources`, or a later end, than the key that asks has: 403.",
      responses: answers(201, newKeySchema, "The key with its secret."),
      query: [],
      ...common,
      method: "POST",
      pattern: keysPath,
      permission: "keys.manage",
      body: keyBody,
      handler: async (context) => {
        const { tenant: named, ...input } = context.body;
        const tenant = await tenantOf(keys, context, named ?? null);
        const { key, record } = await keys.createKey(tenant, input, context.principal);
        return json(201, { ...record, key });
      },
    }),
    defineRoute({
      summary: "List API keys",
      description:
        "Of one tenant, also those that were revoked or have expired, without their secrets.",
      responses: answers(200, pageSchema(keySchema), "A page of keys."),
      query: [...pageQuery, "tenant"],
      ...common,
      method: "GET",
      pattern: keysPath,
      permission: "keys.manage",
      handler: async (context) => {
        const tenant = await tenantOf(keys, context, context.query.get("tenant"));
        const page = await pageOfSeen(pageRequest(context.query, keysPath), {
          ...{ tenant, hidden: services.hidden },
          read: (range) => keys.listKeys(tenant, range),
          sees: (key) => seesKey(context.principal, key),
        });
        return shown(keysPath, page);
      },
    }),
    defineRoute({
      summary: "Revoke an API key",
      description:
        "An admin revokes keys of roles below its own, and itself. Requests with it are 401 from the next one on; what it has started goes on. The record stays, with `revoked_at`. Done again it stays revoked.",
      responses: answers(200, keySchema, "The key, revoked."),
      query: [],
      ...common,
      method: "DELETE",
      pattern: "/admin/keys/{ak}",
      permission: "keys.manage",
      handler: async ({ params, principal }) => {
        const id = params["ak"] ?? "";
        const tenant = await tenantOfKey(services.system.tables, principal, id);
        return json(200, await keys.changeKey(tenant, id, revoked(principal, services.nowMs())));
      },
    }),
  ];
}
