// Who speaks on a socket, proved anew while it stays open: a key may be revoked, a token end, its tenant be
// suspended or removed.

import type { Authenticator } from "./auth.ts";
import type { Came } from "./client-address.ts";
import type { Principal } from "./route.ts";

/** Who opened a socket, and how that is proved once more. */
export interface Proven {
  readonly principal: Principal;
  /** @throws UNAUTHENTICATED, TENANT_SUSPENDED, RATE_LIMITED. */
  prove(): Principal | Promise<Principal>;
}

/** What of a handshake says who asks. */
const HEADERS = ["x-api-key", "authorization", "cookie", "x-tenant", "x-forwarded-for"] as const;

/** Of who was let in by the headers of the handshake, which are gone when it is over. */
export function provenBy(
  authenticator: Pick<Authenticator, "known" | "authenticate">,
  request: Came,
  principal: Principal,
): Proven {
  const kept = new Map<string, string | undefined>(
    HEADERS.map((name) => [name, request.header(name)]),
  );
  const came: Came = { peer: request.peer, header: (name) => kept.get(name) };
  return {
    principal,
    prove: () => authenticator.known(came) ?? authenticator.authenticate(came),
  };
}
