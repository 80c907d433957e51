// Who is asking, put together: keys, sessions, and how guesses of keys are slowed by where they come from.

import type { Config } from "./config.ts";
import { type Authenticator, createAuthenticator } from "./http/auth.ts";
import { createAddressOf } from "./http/client-address.ts";
import { createGuesses } from "./http/guesses.ts";
import type { KeyStore } from "./http/keys.ts";
import type { Sessions } from "./http/sessions.ts";

/** Makes it. @param adminTenant the tenant that the admin key acts in unless it names one. */
export function createFrontAuth(
  { http }: Config,
  parts: {
    readonly keys: KeyStore;
    readonly sessions: Sessions;
    readonly adminKey: string;
    readonly adminTenant: string;
  },
): Authenticator {
  const addressOf = createAddressOf(http.trustedProxies);
  const guesses = createGuesses(http.failuresPerMinute);
  return createAuthenticator({ ...parts, guesses, addressOf });
}
