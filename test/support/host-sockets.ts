// Sockets of a host for tests: the product's own handlers, behind the host's door.

import type { Authenticator } from "../../adapters/http/auth.ts";
import type { DoorOptions } from "../../adapters/http/door.ts";
import { provenBy } from "../../adapters/http/proof.ts";
import { createSocketHandler } from "../../adapters/http/socket.ts";
import { createSocketServices, type SocketParts } from "../../adapters/http/socket-services.ts";

/** Opens them. @param proofMs how often who watches is proved anew. Default: as the product. */
export function socketsOf(
  authenticator: Authenticator,
  parts: Omit<SocketParts, "authenticator">,
  proofMs?: number,
): NonNullable<DoorOptions["socket"]> {
  const services = createSocketServices({ ...parts, authenticator });
  return (request, principal) => {
    const proven = principal === null ? null : provenBy(authenticator, request, principal);
    return createSocketHandler(services, authenticator.addressOf(request), proven, proofMs);
  };
}
