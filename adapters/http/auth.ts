// Who is asking: the admin key, an API key, a token of a trusted issuer, or the cookie of a session. A wrong key says
// nothing about what it was near to, and an address that keeps guessing is slowed down.

import type { ApiKey } from "../../actors/records/api-key.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { type Bearers, noBearers } from "./bearer.ts";
import type { Came } from "./client-address.ts";
import type { Guesses } from "./guesses.ts";
import { KEY_CACHE_MAX } from "./key-cache.ts";
import { hashOfKey, isHashOf, isSameText, KEY_BEGIN, keyIdOf } from "./key-secret.ts";
import type { KeyStore } from "./keys.ts";
import { demandUse, permissionOf } from "./permissions.ts";
import type { Principal, Route, RouteContext } from "./route.ts";
import type { HttpRequest } from "./server.ts";
import type { Sessions } from "./sessions.ts";

/** Longest key looked at; longer ones are wrong. */
export const KEY_CHARS_MAX = 256;

/** Decides who is asking. */
export interface Authenticator {
  /** Where a request came from, behind the proxies that are trusted. */
  addressOf(request: Came): string;
  /** What `authenticate` can answer at once, from memory; else null. @throws INVALID. */
  known(request: Came): Principal | null;
  /** @throws UNAUTHENTICATED, RATE_LIMITED, INVALID. */
  authenticate(request: Came): Promise<Principal>;
  /**
   * Who was let in once, proved anew for what is still open: no request, so no guess and in no rate.
   * @throws UNAUTHENTICATED.
   */
  again(request: Came): Promise<Principal>;
  /** As `authenticate`, for a key that did not come in a header (a WebSocket's first frame). */
  authenticateKey(key: string, address: string): Promise<Principal>;
}

/**
 * @param adminKey the operator's key; it acts in `adminTenant`, or in the tenant that the header
 *   X-Tenant names.
 */
export function createAuthenticator(options: {
  readonly keys: KeyStore;
  readonly sessions: Sessions;
  readonly guesses: Guesses;
  /** Tokens of trusted issuers; default: none. */
  readonly bearers?: Bearers;
  /** Where a request came from; default: its peer. */
  readonly addressOf?: (request: Came) => string;
  readonly adminKey: string;
  readonly adminTenant: string;
}): Authenticator {
  const { keys, sessions, guesses, adminTenant } = options;
  const { addressOf = ({ peer }: Came) => peer } = options;
  const { bearers = noBearers } = options;
  const proven = createProven();
  const adminHash = hashOfKey(options.adminKey);
  const admin = principalOfAdmin(adminTenant);
  let adminKnown = "";

  // The admin key is remembered as it came, once proven, so that it costs no hash a request.
  function knownKey(key: string): Principal | null {
    const known = keys.known(key);
    if (known !== null) return principalOf(known);
    const bearer = bearers.known(key);
    if (bearer !== null) return bearer;
    return adminKnown !== "" && isSameText(key, adminKnown) ? admin : null;
  }

  async function authenticateKey(key: string, address: string): Promise<Principal> {
    const known = knownKey(key);
    if (known !== null) return known;
    if (bearers.isToken(key)) {
      const bearer = await bearers.find(key);
      if (bearer !== null) return bearer;
      await guesses.wrong(address, GUESSED_AT_ADMIN, false);
      throw notValid();
    }
    const id = keyIdOf(key) ?? GUESSED_AT_ADMIN;
    if (!proven.has(id, key)) guesses.check(address, id);
    if (key.length <= KEY_CHARS_MAX && isHashOf(key, adminHash)) {
      adminKnown = key;
      return admin;
    }
    const { key: found, isKnown } = await keys.look(key);
    if (found !== null) {
      proven.add(id, key);
      return principalOf(found);
    }
    await guesses.wrong(address, id, isKnown || isForAdmin(key));
    throw notValid();
  }

  async function stillKey(key: string): Promise<Principal> {
    const known = knownKey(key);
    if (known !== null) return known;
    if (bearers.isToken(key)) {
      const bearer = await bearers.find(key);
      if (bearer !== null) return bearer;
    } else {
      const { key: found } = await keys.look(key);
      if (found !== null) return principalOf(found);
    }
    throw notValid();
  }

  return {
    addressOf,
    authenticateKey,
    again: async (request) => {
      const key = presentedKey(request);
      if (key !== null) return inTenant(await stillKey(key), request);
      const principal = sessions.find(request.header("cookie"));
      if (principal === null) throw new RuntimeError("UNAUTHENTICATED", "The session is over.");
      return principal;
    },
    known: (request) => {
      const key = presentedKey(request);
      const principal = key === null ? null : knownKey(key);
      return principal === null ? null : inTenant(principal, request);
    },
    authenticate: async (request) => {
      const key = presentedKey(request);
      if (key === null) {
        const principal = sessions.find(request.header("cookie"));
        if (principal !== null) return principal;
        throw new RuntimeError(
          "UNAUTHENTICATED",
          "An API key is needed: send it as X-API-Key or as Authorization: Bearer.",
        );
      }
      return inTenant(await authenticateKey(key, addressOf(request)), request);
    },
  };
}

const notValid = (): RuntimeError =>
  new RuntimeError("UNAUTHENTICATED", "The API key is not valid here.");

// What has no id of a key is, unless it begins as our keys do, a guess at the server's own.
const GUESSED_AT_ADMIN = "admin";
const isForAdmin = (key: string): boolean => !key.startsWith(KEY_BEGIN);

/** Keys that were right once, by digest: who has one is not held up by guesses from the same address. */
function createProven(): {
  has(id: string, key: string): boolean;
  add(id: string, key: string): void;
} {
  const digests = new Map<string, string>();
  return {
    has: (id, key) => {
      const digest = digests.get(id);
      return digest !== undefined && key.length <= KEY_CHARS_MAX && isHashOf(key, digest);
    },
    add: (id, key) => {
      if (digests.size >= KEY_CACHE_MAX) digests.clear();
      digests.set(id, hashOfKey(key));
    },
  };
}

// The server's own key acts in the tenant that a header names.
function inTenant(principal: Principal, request: Came): Principal {
  if (!principal.isServer) return principal;
  const tenant = request.header("x-tenant");
  if (tenant === undefined) return principal;
  if (/^tn_[a-z0-9]{1,64}$/.test(tenant)) return { ...principal, tenant };
  throw new RuntimeError("INVALID", "The header X-Tenant names a tenant (tn_...).");
}

function principalOf(key: ApiKey): Principal {
  return {
    tenant: key.tenant,
    keyId: key.id,
    isServer: false,
    role: key.role,
    allowedServices: key.allowed_services,
    allowedResources: key.allowed_resources ?? null,
    expiresAt: key.expires_at,
    via: "key",
  };
}

/** The key a request carries: X-API-Key wins over Authorization. */
export function presentedKey(request: Pick<HttpRequest, "header">): string | null {
  const key = request.header("x-api-key");
  if (key !== undefined && key !== "") return key;
  const authorization = request.header("authorization");
  if (authorization === undefined || !/^bearer /i.test(authorization)) return null;
  return authorization.slice(7).trim();
}

/** @throws FORBIDDEN naming the service or the permission that is missing. */
export function authorize(principal: Principal, route: Route): void {
  demandUse(principal, route.service, permissionOf(route));
}

/**
 * What a key that is limited to some records, or a token of a user, does is looked at first; what looks is loaded with the first
 * of them. @throws NOT_FOUND, FORBIDDEN, INVALID.
 */
export function withinScope<T>(context: RouteContext, handle: () => T | Promise<T>) {
  const { allowedResources, boundTo } = context.principal;
  if (allowedResources == null && boundTo == null) return handle();
  return import("./scope/check.ts").then(async ({ checkScope }) => {
    await checkScope(context);
    return await handle();
  });
}

/** Who has the server's admin key, acting in a tenant. */
export function principalOfAdmin(tenant: string): Principal {
  return { ...anOwner(tenant), isServer: true, via: "key" };
}

/** An owner of a tenant who has no key: the browser of who started the server. */
export function anOwner(tenant: string): Principal {
  return {
    tenant,
    keyId: null,
    isServer: false,
    role: "owner",
    allowedServices: ["*"],
    expiresAt: null,
    via: "cookie",
  };
}
