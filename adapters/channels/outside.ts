// The ways out of accounts: HTTP, WebSockets and names of hosts, each held to the same guard. A server has
// one of them; whoever only looks at channels has one for as long as the look takes.

import { createEgress, type Egress } from "../egress.ts";
import { checkedAddress, hostRule } from "../egress-address.ts";
import { createSockets } from "../egress-socket.ts";
import type { EnvironmentParts } from "./environment.ts";

/** Ways out. */
export interface Outside extends Required<Pick<EnvironmentParts, "connect" | "resolveHost">> {
  readonly egress: Egress;
}

/** Opens them. */
export function openOutside({
  hosts,
  closed,
  weightOf,
}: {
  /** Hosts of private networks that accounts may reach. */
  readonly hosts: readonly string[];
  /** Why nothing is sent at all. */
  readonly closed?: string | undefined;
  weightOf?(tenant: string): number;
}): Outside {
  const allowed = new Set(hosts.map((host) => hostRule(host)?.host ?? host.toLowerCase()));
  return {
    egress: createEgress({ allowedHosts: hosts, closed, ...(weightOf && { weightOf }) }),
    connect: createSockets({ allowedHosts: hosts, closed }),
    resolveHost: (host) => checkedAddress(host, allowed),
  };
}
