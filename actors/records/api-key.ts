// API keys and tenants as they lie in the system's own tenant. A key's secret is never stored, only
// its SHA-256; the prefix is what lists show so that people can tell their keys apart.

import { type Static, Type } from "../schema.ts";
import { type AllowedResources, allowedResourcesSchema } from "./resource-scope.ts";

/** The tenant that holds what belongs to no tenant. */
export const systemTenant = "tn_system";

/** Tables of the system tenant. `keysByTenant` has ids `<tenant>.<ak>`. */
export const systemTables = {
  apiKeys: "api-keys",
  keysByTenant: "api-keys-by-tenant",
  /** When a key was last used, as milliseconds since the epoch, by `ak_...`. */
  keysUsed: "api-keys-used",
  tenants: "tenants",
} as const;

/**
 * Services a new key is not given unless they are named (FAQ of the supervisor chat API);
 * `conversations` is the platform's way to the same,
 * and memories are what was said in them. A key that may have something done is not the one that
 * approves it.
 */
export const servicesNotByDefault: readonly string[] = [
  "conversations",
  "memories",
  "approvals",
  "core-agent-conversations",
  "core-agent-conversation-details",
  "core-agent-conversation-delete",
];

/** Roles within a tenant, the one that may do most first. The server's admin key has none of them. */
export const keyRoles = ["owner", "admin", "developer", "operator", "viewer"] as const;

/** A role within a tenant. */
export type KeyRole = (typeof keyRoles)[number];

/** The role that a text names. `member` is what earlier releases called a developer. Unknown ones, which a later release may have stored, may do least. */
export function keyRole(stored: string): KeyRole {
  if (stored === "member") return "developer";
  return keyRoles.find((role) => role === stored) ?? "viewer";
}

/** What a client sends to create a key. */
export const apiKeyInput = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 200 }),
    /** Default: developer, which `member` is too. */
    role: Type.Optional(
      Type.Union([
        Type.Literal("owner"),
        Type.Literal("admin"),
        Type.Literal("developer"),
        Type.Literal("operator"),
        Type.Literal("viewer"),
        Type.Literal("member"),
      ]),
    ),
    /** Names of services, or ["*"]. Default: all but `servicesNotByDefault`. */
    allowed_services: Type.Optional(
      Type.Array(Type.String({ minLength: 1, maxLength: 100 }), { maxItems: 500 }),
    ),
    /** What it reaches; null: everything. Default: what who makes it reaches. */
    allowed_resources: Type.Optional(Type.Union([allowedResourcesSchema, Type.Null()])),
    /** ISO 8601. Default: never. */
    expires_at: Type.Optional(Type.Union([Type.String({ maxLength: 40 }), Type.Null()])),
  },
  { additionalProperties: false },
);

/** What a client sends to change a key: what is left out stays. */
export const apiKeyPatch = Type.Object(Type.Partial(apiKeyInput).properties, {
  additionalProperties: false,
  minProperties: 1,
});

/** What a client sends to change a key. */
export type ApiKeyPatch = Static<typeof apiKeyPatch>;

/** Longest time for which two secrets of a key are taken, s. */
const OVERLAP_MAX_S = 30 * 24 * 60 * 60;

/** What a client sends to give a key another secret. */
export const apiKeyRotation = Type.Object(
  {
    /** How long the secret before is still taken. Default 0: not at all. */
    overlap_seconds: Type.Optional(Type.Integer({ minimum: 0, maximum: OVERLAP_MAX_S })),
  },
  { additionalProperties: false },
);

/** What a client sends to create a key. */
export type ApiKeyInput = Static<typeof apiKeyInput>;

/** A stored key. Times are ISO 8601. */
export interface ApiKey {
  readonly id: string;
  readonly tenant: string;
  /** SHA-256 of the whole key, hex. */
  readonly hash: string;
  /** Start of the key, for people. */
  readonly prefix: string;
  readonly name: string;
  readonly role: KeyRole;
  readonly allowed_services: readonly string[];
  /** Null or absent: it reaches everything of its tenant. */
  readonly allowed_resources?: AllowedResources | null;
  readonly expires_at: string | null;
  readonly revoked_at: string | null;
  readonly created_at: string;
  /** The secret before, while both are taken; null or absent: there is none. */
  readonly previous?: PreviousSecret | null;
}

/** The secret that was replaced, until it is no longer taken. */
export interface PreviousSecret {
  readonly hash: string;
  readonly prefix: string;
  readonly valid_until: string;
}

/** A stored tenant. */
export interface Tenant {
  readonly id: string;
  readonly name: string;
  readonly created_at: string;
}
