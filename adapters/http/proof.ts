// Who speaks over what stays open (a socket, a stream), proved anew meanwhile: a key may be revoked, a token
// end, a tenant be suspended or removed.

import type { Authenticator } from "./auth.ts";
import type { Came } from "./client-address.ts";
import type { OpenStreams } from "./open-streams.ts";
import type { Principal, RouteContext } from "./route.ts";

/** Who opened it, and how that is proved once more. */
export interface Proven {
  readonly principal: Principal;
  /** For a request: it counts for the rates. @throws UNAUTHENTICATED, TENANT_SUSPENDED, RATE_LIMITED. */
  prove(): Principal | Promise<Principal>;
  /** Without a request: it counts for nothing. @throws UNAUTHENTICATED, TENANT_SUSPENDED. */
  again(): Promise<Principal>;
}

/** What of a request says who asks, and from where. */
const HEADERS = ["x-api-key", "authorization", "cookie", "x-tenant", "x-forwarded-for"] as const;

/** Of who was let in by the headers of the handshake, which are gone when it is over. */
export function provenBy(
  authenticator: Pick<Authenticator, "known" | "authenticate" | "again">,
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
    again: () => authenticator.again(came),
  };
}

/** The streams of one door, and whether their readers may still read. */
export interface StreamWatch {
  /** Writes one to its end; of a public route it is nobody's. @throws what cut it. */
  run(context: RouteContext, write: () => Promise<void>): Promise<void>;
  /** Something about keys may have changed: all readers are proved anew, in the background. */
  prove(): void;
}

/** What watches is loaded with the first stream. @param proofMs default `STREAM_PROOF_MS`. */
export function createStreamWatch(
  authenticator: Pick<Authenticator, "again">,
  proofMs?: number,
): StreamWatch {
  let streams: Promise<OpenStreams> | null = null;
  const load = async (): Promise<OpenStreams> =>
    new (await import("./open-streams.ts")).OpenStreams(authenticator, { proofMs });
  return {
    run: async (context, write) => {
      if (context.principal.via === "none") return await write();
      streams ??= load();
      await (await streams).run(context, write);
    },
    prove: () => void streams?.then((all) => all.prove()),
  };
}
