// What a new key may do, at most what its maker may: its role, its services and its end. Whatever makes
// or changes a key asks here, so that there is no way round.

import {
  type ApiKey,
  type ApiKeyInput,
  keyRole,
  servicesNotByDefault,
} from "../../actors/records/api-key.ts";
import { type AllowedResources, beyond } from "../../actors/records/resource-scope.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { isAtLeast } from "./permissions.ts";
import type { Principal } from "./route.ts";

/** Who makes a key, as far as it bounds the key. */
export type Grantor = Pick<
  Principal,
  "isServer" | "role" | "keyId" | "allowedServices" | "allowedResources" | "expiresAt"
>;

/** What a key is given. */
export type Grant = Pick<ApiKey, "role" | "allowed_services" | "allowed_resources" | "expires_at">;

/** The surface of who runs a tenant. */
const ADMIN = "admin";
/** Names beside those of the routes. */
const ALWAYS_KNOWN: readonly string[] = ["*", ADMIN];

/**
 * What a key is given that is asked for so.
 * @param services every service of the server, from which the default is made.
 * @throws INVALID with a pointer, FORBIDDEN when it is more than its maker has.
 */
export function grantOf(
  input: Omit<ApiKeyInput, "name">,
  by: Grantor,
  { services, nowMs }: { readonly services: readonly string[]; readonly nowMs: number },
): Grant {
  const role = keyRole(input.role ?? "developer");
  checkRole(role, by);
  return {
    role,
    allowed_services: servicesOf(input, by, services),
    allowed_resources: resourcesOf(input.allowed_resources, by, [by.allowedResources]),
    expires_at: expiryOf(input.expires_at, by, nowMs),
  };
}

/**
 * Whether somebody manages keys of a role: an owner all, an admin those below it.
 * @throws FORBIDDEN.
 */
export function checkRole(
  role: ApiKey["role"],
  by: Pick<Grantor, "isServer" | "role">,
  pointer = "/role",
): void {
  if (by.isServer || by.role === "owner") return;
  if (by.role !== role && isAtLeast(by.role, role)) return;
  const message = `A key with the role "${by.role}" manages keys of roles below its own, not "${role}".`;
  throw new RuntimeError("FORBIDDEN", message, { pointer });
}

function servicesOf(
  input: Omit<ApiKeyInput, "name">,
  by: Grantor,
  services: readonly string[],
): readonly string[] {
  const all = by.allowedServices.includes("*");
  const asked = input.allowed_services;
  if (asked === undefined) {
    const byDefault = defaultServices(input.role, services);
    return all ? byDefault : byDefault.filter((one) => by.allowedServices.includes(one));
  }
  const unknown = asked.findIndex((one) => !ALWAYS_KNOWN.includes(one) && !services.includes(one));
  if (unknown !== -1) {
    const pointer = `/allowed_services/${unknown}`;
    throw new RuntimeError("INVALID", `${pointer} must be "*" or one of ${services.join(", ")}.`, {
      pointer,
    });
  }
  const above = all ? -1 : asked.findIndex((one) => !by.allowedServices.includes(one));
  if (above === -1) return asked;
  const pointer = `/allowed_services/${above}`;
  const message = `${pointer} is more than the key that asks for it has: its allowed_services do not include "${asked[above]}".`;
  throw new RuntimeError("FORBIDDEN", message, { pointer });
}

/** @param granted what may be given of. @throws FORBIDDEN with the pointer of what is more. */
function resourcesOf(
  asked: AllowedResources | null | undefined,
  by: Grantor,
  granted: readonly (AllowedResources | null | undefined)[],
): AllowedResources | null {
  if (asked === undefined) return by.allowedResources ?? null;
  const at = beyond(granted, asked);
  if (at === null) return asked;
  const pointer = `/allowed_resources${at}`;
  const message = `${pointer} is more than the key that asks for it reaches.`;
  throw new RuntimeError("FORBIDDEN", message, { pointer });
}

/** What a key is given that names none: all but those that have to be named; `admin` for a role that was named and has to do there. */
export function defaultServices(
  role: ApiKeyInput["role"],
  services: readonly string[],
): readonly string[] {
  const isNamed = role !== undefined && role !== "member" && role !== "viewer";
  return [
    ...services.filter((one) => one !== ADMIN && !servicesNotByDefault.includes(one)),
    ...(isNamed ? [ADMIN] : []),
  ];
}

function expiryOf(asked: string | null | undefined, by: Grantor, nowMs: number): string | null {
  const pointer = "/expires_at";
  const most = by.expiresAt === null ? null : Date.parse(by.expiresAt);
  if (asked === undefined) return by.expiresAt;
  if (asked !== null && !(Date.parse(asked) > nowMs)) {
    throw new RuntimeError("INVALID", "/expires_at must be a time to come, in ISO 8601.", {
      pointer,
    });
  }
  if (most !== null && (asked === null || Date.parse(asked) > most)) {
    const message = `/expires_at must not be after ${by.expiresAt}, when the key that asks for it ends.`;
    throw new RuntimeError("FORBIDDEN", message, { pointer });
  }
  return asked === null ? null : new Date(asked).toISOString();
}

/**
 * What a key has once it was changed so. Beyond what it has already it gets nothing that who changes it
 * has not.
 * @throws INVALID with a pointer, FORBIDDEN.
 */
export function regrantOf(
  from: Grant,
  patch: Partial<Omit<ApiKeyInput, "name">>,
  by: Grantor,
  of: { readonly services: readonly string[]; readonly nowMs: number },
): Grant {
  const role = patch.role === undefined ? from.role : keyRole(patch.role);
  if (patch.role !== undefined && !isAtLeast(from.role, role)) checkRole(role, by);
  const services = { ...by, allowedServices: [...by.allowedServices, ...from.allowed_services] };
  const isSooner = isNoLater(patch.expires_at ?? null, from.expires_at);
  return {
    role,
    allowed_services:
      patch.allowed_services === undefined
        ? from.allowed_services
        : servicesOf(patch, services, of.services),
    allowed_resources:
      patch.allowed_resources === undefined
        ? (from.allowed_resources ?? null)
        : resourcesOf(patch.allowed_resources, by, [by.allowedResources, from.allowed_resources]),
    expires_at:
      patch.expires_at === undefined
        ? from.expires_at
        : expiryOf(patch.expires_at, isSooner ? { ...by, expiresAt: null } : by, of.nowMs),
  };
}

/**
 * Whether who has a key's secret would have no more than who asks for it has. An own key passes.
 * @throws FORBIDDEN.
 */
export function checkCovers(by: Grantor, key: Grant & Pick<ApiKey, "id">): void {
  if (by.isServer || by.keyId === key.id) return;
  checkRole(key.role, by, "");
  const isBeyond =
    beyond([by.allowedResources], key.allowed_resources) !== null ||
    (!by.allowedServices.includes("*") &&
      key.allowed_services.some((one) => !by.allowedServices.includes(one)));
  if (!isBeyond && isNoLater(key.expires_at, by.expiresAt)) return;
  const message = "The key may do more, or ends later, than the key that asks for its new secret.";
  throw new RuntimeError("FORBIDDEN", message);
}

/** Null is never. */
function isNoLater(one: string | null, than: string | null): boolean {
  return than === null || (one !== null && Date.parse(one) <= Date.parse(than));
}
