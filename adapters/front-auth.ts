// Who is asking, put together: keys, sessions, and how guesses of keys are slowed by where they come from.

import type { Config } from "./config.ts";
import { type Authenticator, createAuthenticator } from "./http/auth.ts";
import { type Bearers, createBearers, noBearers } from "./http/bearer.ts";
import { createAddressOf } from "./http/client-address.ts";
import { createGuesses } from "./http/guesses.ts";
import type { KeyStore } from "./http/keys.ts";
import type { Sessions } from "./http/sessions.ts";

/** Makes it. @param adminTenant the tenant that the admin key acts in unless it names one. */
export async function createFrontAuth(
  { http, issuers }: Config,
  parts: {
    readonly keys: KeyStore;
    readonly sessions: Sessions;
    readonly adminKey: string;
    readonly adminTenant: string;
  },
): Promise<Authenticator> {
  const addressOf = createAddressOf(http.trustedProxies);
  const guesses = createGuesses(http.failuresPerMinute);
  const bearers = issuers.length === 0 ? noBearers : await bearersOf(issuers, parts.keys);
  return createAuthenticator({ ...parts, guesses, addressOf, bearers });
}

/** Loaded only where an issuer is trusted. Hosts that the configuration names may be private. */
async function bearersOf(issuers: Config["issuers"], keys: KeyStore): Promise<Bearers> {
  const [{ createTokens }, { createEgress }] = await Promise.all([
    import("./identity/tokens.ts"),
    import("./egress.ts"),
  ]);
  const addresses = issuers.flatMap(({ issuer, jwksUri }) => [issuer, jwksUri ?? issuer]);
  const allowedHosts = addresses.map((address) => new URL(address).hostname);
  return createBearers(createTokens(issuers, { egress: createEgress({ allowedHosts }) }), keys);
}
