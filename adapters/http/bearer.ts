// Who a bearer token of a trusted issuer speaks for, as the door knows everybody: a tenant that is there,
// a role, services. It has no key here, and a name made of its subject stands in its place.

import type { Bearer, Tokens } from "../identity/tokens.ts";
import { defaultServices } from "./key-grants.ts";
import type { KeyStore } from "./keys.ts";
import type { Principal } from "./route.ts";

/** Tokens as the authenticator takes them. */
export interface Bearers {
  /** Whether this is in the form of a token. */
  isToken(text: string): boolean;
  /** What memory says. */
  known(text: string): Principal | null;
  /** Null when it is not right, or its tenant is not there. @throws ISSUER_UNAVAILABLE. */
  find(text: string): Promise<Principal | null>;
}

/** No issuer is trusted. */
export const noBearers: Bearers = {
  isToken: () => false,
  known: () => null,
  find: () => Promise.resolve(null),
};

/** Makes them. */
export function createBearers(
  tokens: Tokens,
  keys: Pick<KeyStore, "tenant" | "services">,
): Bearers {
  // Of tokens whose tenant was there when they were verified.
  const principals = new WeakMap<Bearer, Principal>();
  return {
    isToken: (text) => tokens.isToken(text),
    known: (text) => {
      const bearer = tokens.known(text);
      return bearer === null ? null : (principals.get(bearer) ?? null);
    },
    find: async (text) => {
      const bearer = await tokens.verify(text);
      if (bearer === null || (await keys.tenant(bearer.tenant)) === undefined) return null;
      const principal = principalOf(bearer, keys.services);
      principals.set(bearer, principal);
      return principal;
    },
  };
}

function principalOf(bearer: Bearer, services: readonly string[]): Principal {
  const { tenant, keyId, role, user, boundTo, resources } = bearer;
  return {
    ...{ tenant, keyId, role, user, boundTo, isServer: false, via: "token" },
    allowedServices: bearer.services ?? defaultServices(role, services),
    allowedResources: resources,
    expiresAt: new Date(bearer.untilMs).toISOString(),
  };
}
