// What a token's claims mean here: the tenant, the role, the user and the services, as its issuer is
// configured. What a claim does not say in the form that is expected is not guessed.

import { createHash } from "node:crypto";
import type { JWTPayload } from "jose";
import { type KeyRole, keyRoles } from "../../actors/records/api-key.ts";
import {
  type AllowedResources,
  kindOfId,
  type ResourceKindName,
} from "../../actors/records/resource-scope.ts";
import { ALL_OF, grantedOf, type IssuerConfig } from "../config-identity.ts";

/** Who a token speaks for. */
export interface Claimed {
  readonly tenant: string;
  readonly keyId: string;
  readonly role: KeyRole;
  readonly user: string | null;
  /** The user whom alone it speaks for; null: it is bound to none. */
  readonly boundTo: string | null;
  /** Null: those of a new key. */
  readonly services: readonly string[] | null;
  /** What it reaches; null: all of its tenant's. */
  readonly resources: AllowedResources | null;
}

const TENANT = /^tn_[a-z0-9]{1,61}$/;
const USER_CHARS_MAX = 200;
const VALUES_MAX = 500;

/** Reads them. @returns null where the tenant, the subject or what was asked for is missing. */
export function claimedOf(config: IssuerConfig, payload: JWTPayload): Claimed | null {
  const { sub } = payload;
  if (typeof sub !== "string" || sub === "") return null;
  const tenant = config.tenant ?? claimOf(payload, config.tenantClaim);
  if (typeof tenant !== "string" || !TENANT.test(tenant)) return null;
  const user = claimOf(payload, config.userClaim);
  const isUser = typeof user === "string" && user !== "" && user.length <= USER_CHARS_MAX;
  const role = roleOf(config, payload);
  const isBound = config.bindUser === "on" && keyRoles.indexOf(role) > keyRoles.indexOf("admin");
  return {
    tenant,
    keyId: keyIdOf(config.name, sub),
    role,
    user: isUser ? user : null,
    boundTo: isUser && isBound ? user : null,
    services: servicesOf(config, payload),
    resources: resourcesOf(config, payload),
  };
}

/** By which rates, fairness and the audit know who it is; the subject itself may be a mail address. */
export function keyIdOf(issuer: string, subject: string): string {
  const digest = createHash("sha256").update(subject).digest("hex");
  return `jwt.${issuer}.${digest.slice(0, 32)}`;
}

function roleOf(config: IssuerConfig, payload: JWTPayload): KeyRole {
  const values = new Set(textsOf(claimOf(payload, config.roleClaim)));
  const found = config.roles.filter(({ value }) => values.has(value)).map(({ role }) => role);
  return keyRoles.find((role) => found.includes(role)) ?? config.role;
}

function servicesOf(config: IssuerConfig, payload: JWTPayload): readonly string[] | null {
  const { services, servicesClaim } = config;
  if (servicesClaim === null) return services.length === 0 ? null : services;
  return grantedIn(services, textsOf(claimOf(payload, servicesClaim)));
}

function resourcesOf(config: IssuerConfig, payload: JWTPayload): AllowedResources | null {
  const { resources, resourcesClaim } = config;
  if (resourcesClaim === null && resources.length === 0) return null;
  const granted =
    resourcesClaim === null
      ? resources
      : grantedIn(resources, textsOf(claimOf(payload, resourcesClaim)));
  const reached: Partial<Record<ResourceKindName, string[]>> = {};
  for (const what of granted) {
    const isAll = what.endsWith(ALL_OF);
    const kind = isAll ? (what.slice(0, -ALL_OF.length) as ResourceKindName) : kindOfId(what);
    if (kind === null) continue;
    reached[kind] ??= [];
    reached[kind].push(isAll ? "*" : what);
  }
  return reached;
}

/** What a claim's values are granted: what they are mapped to, and what they name of what may be named. */
function grantedIn(entries: readonly string[], values: readonly string[]): readonly string[] {
  const all = entries.map(grantedOf);
  const most = all.flatMap(({ value, what }) => (value === null ? [what] : []));
  const isNamed = (one: string): boolean =>
    all.length === 0 ||
    most.some((what) => what === "*" || what === one || what === `${kindOfId(one)}${ALL_OF}`);
  // Everything, or all of a kind, is never what a token says by itself: that is what the configuration says.
  const named = values.filter((one) => !one.endsWith("*") && isNamed(one));
  const mapped = all.flatMap(({ value, what }) =>
    value !== null && values.includes(value) ? [what] : [],
  );
  return [...new Set([...mapped, ...named])];
}

function claimOf(payload: JWTPayload, path: string): unknown {
  // A name with dots in it, such as "https://example.com/tenant", wins over what lies deeper.
  if (Object.hasOwn(payload, path)) return payload[path];
  let value: unknown = payload;
  for (const part of path.split(".")) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, part))
      return undefined;
    value = (value as Record<string, unknown>)[part];
  }
  return value;
}

function textsOf(value: unknown): readonly string[] {
  const all = typeof value === "string" ? value.split(" ") : Array.isArray(value) ? value : [];
  return all
    .slice(0, VALUES_MAX)
    .filter((one): one is string => typeof one === "string" && one !== "");
}
