// What records of tools are checked with where they are saved: documents are fetched through the egress guard, which is
// loaded with the first, and read in the compute pool; tool servers are those that the operator granted.

import type { ReadingParts } from "../../actors/openapi/offered.ts";
import type { Compute } from "../../actors/ports.ts";
import type { Web } from "../../actors/web.ts";
import type { ServerGrant } from "../http/resources/resource-rules.ts";

/** What the operator allows tools. */
export interface ToolGrants {
  /** Hosts of private networks. */
  readonly trust: { readonly hosts: readonly string[] };
  readonly toolServers?: readonly ServerGrant[];
}

/** For the rules of records. */
export function toolGrounds(
  compute: Compute,
  { trust, toolServers }: ToolGrants,
): {
  readonly reading: Omit<ReadingParts, "tenant">;
  readonly toolServers?: readonly ServerGrant[] | undefined;
} {
  let made: Promise<Web> | undefined;
  const make = async (): Promise<Web> => {
    const [{ createEgress }, { createWeb }] = await Promise.all([
      import("../egress.ts"),
      import("../web.ts"),
    ]);
    return createWeb(createEgress({ allowedHosts: trust.hosts }));
  };
  const request: Web["request"] = async (wanted) => {
    made ??= make();
    return await (await made).request(wanted);
  };
  return { reading: { compute, web: { request } }, toolServers };
}
