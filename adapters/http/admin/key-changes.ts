// Changes of API keys: PATCH, another secret with an overlap, and what revokes one.

import {
  type ApiKey,
  apiKeyPatch,
  apiKeyRotation,
  systemTables,
  systemTenant,
} from "../../../actors/records/api-key.ts";
import { beyond } from "../../../actors/records/resource-scope.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import type { Tables } from "../../../runtime/system.ts";
import { checkCovers, checkRole, type Grantor, regrantOf } from "../key-grants.ts";
import { newSecret } from "../key-secret.ts";
import type { KeyStore } from "../keys.ts";
import { answers } from "../openapi/responses.ts";
import { json } from "../reply.ts";
import { defineRoute, type Principal, type Route } from "../route.ts";
import type { Services } from "../services/services.ts";
import { common } from "./common.ts";
import { keySchema, newKeySchema } from "./schemas.ts";

const path = "/admin/keys/{ak}";
const ID = /^ak_[A-Za-z0-9]{1,61}$/;

/** PATCH and rotate. */
export function keyChangeRoutes(services: Services, keys: KeyStore): readonly Route[] {
  const { tables } = services.system;
  return [
    defineRoute({
      summary: "Change an API key",
      description:
        "Its name, role, services, what it reaches or its end: what is left out stays. It may be given no more than it has already or who changes it has; an admin changes keys of roles below its own, and itself. Counts from the next request on; a key that was revoked cannot be changed (409).",
      responses: answers(200, keySchema, "The key as changed."),
      query: [],
      ...common,
      method: "PATCH",
      pattern: path,
      permission: "keys.manage",
      body: apiKeyPatch,
      handler: async ({ params, body, principal }) => {
        const id = params["ak"] ?? "";
        const tenant = await tenantOfKey(tables, principal, id);
        const { name, ...patch } = body;
        const changed = await keys.changeKey(tenant, id, (from) => {
          checkManages(principal, from);
          checkLives(from, services.nowMs());
          const of = { services: keys.services, nowMs: services.nowMs() };
          return { ...from, name: name ?? from.name, ...regrantOf(from, patch, principal, of) };
        });
        return json(200, changed);
      },
    }),
    defineRoute({
      summary: "Give an API key another secret",
      description:
        "The answer shows the new key, once; it counts at once. The one before is taken for `overlap_seconds` more (default 0, at most 30 days), and `previous` shows its beginning meanwhile; done again, only the last two are. Whoever asks gets a key that may do no more than the own one: else 403. Sent twice it makes two.",
      responses: answers(200, newKeySchema, "The key with its new secret."),
      query: [],
      ...common,
      method: "POST",
      pattern: `${path}/rotate`,
      permission: "keys.manage",
      body: apiKeyRotation,
      optionalBody: true,
      handler: async ({ params, body, principal }) => {
        const id = params["ak"] ?? "";
        const tenant = await tenantOfKey(tables, principal, id);
        const { key, hash, prefix } = newSecret(id);
        const nowMs = services.nowMs();
        const until = nowMs + (body.overlap_seconds ?? 0) * 1_000;
        const changed = await keys.changeKey(tenant, id, (from) => {
          checkCovers(principal, from);
          checkLives(from, nowMs);
          const before = { hash: from.hash, prefix: from.prefix };
          const previous =
            until > nowMs ? { ...before, valid_until: new Date(until).toISOString() } : null;
          return { ...from, hash, prefix, previous };
        });
        return json(200, { ...changed, key });
      },
    }),
  ];
}

/** The tenant of a key that somebody may see. @throws NOT_FOUND. */
export async function tenantOfKey(tables: Tables, by: Principal, id: string): Promise<string> {
  const row = ID.test(id) ? await tables.get(systemTenant, systemTables.apiKeys, id) : undefined;
  const tenant = (row?.value as ApiKey | undefined)?.tenant;
  const isSeen = row !== undefined && seesKey(by, row.value as ApiKey);
  if (tenant !== undefined && isSeen && (by.isServer || tenant === by.tenant)) return tenant;
  throw new RuntimeError("NOT_FOUND", `There is no key ${id.slice(0, 64)}.`);
}

/** Whether a key reaches no further than who asks does: of others it knows nothing. */
export function seesKey(
  by: Pick<Principal, "allowedResources">,
  { allowed_resources }: Pick<ApiKey, "allowed_resources">,
): boolean {
  return beyond([by.allowedResources], allowed_resources) === null;
}

/** Revokes a key that `by` manages, or its own. Done again it stays as it is. */
export function revoked(by: Grantor, nowMs: number): (from: ApiKey) => ApiKey {
  return (from) => {
    checkManages(by, from);
    return { ...from, revoked_at: from.revoked_at ?? new Date(nowMs).toISOString() };
  };
}

function checkManages(by: Grantor, { id, role }: ApiKey): void {
  if (by.keyId !== id) checkRole(role, by, "");
}

/** @throws CONFLICT for a key that is over. */
function checkLives({ id, revoked_at, expires_at }: ApiKey, nowMs: number): void {
  const isOver = expires_at !== null && Date.parse(expires_at) <= nowMs;
  if (revoked_at === null && !isOver) return;
  throw new RuntimeError("CONFLICT", `The key ${id} ${isOver ? "has expired" : "was revoked"}.`);
}
