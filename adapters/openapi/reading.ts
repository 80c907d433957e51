// What documents of tools are read with where a record is saved: fetched through the egress guard, which is loaded with
// the first, and read in the compute pool.

import type { ReadingParts } from "../../actors/openapi/offered.ts";
import type { Compute } from "../../actors/ports.ts";
import type { Web } from "../../actors/web.ts";

/** @param allowedHosts of private networks that the operator allows. */
export function documentReading(
  compute: Compute,
  allowedHosts: readonly string[],
): Omit<ReadingParts, "tenant"> {
  let made: Promise<Web> | undefined;
  const make = async (): Promise<Web> => {
    const [{ createEgress }, { createWeb }] = await Promise.all([
      import("../egress.ts"),
      import("../web.ts"),
    ]);
    return createWeb(createEgress({ allowedHosts }));
  };
  const request: Web["request"] = async (wanted) => {
    made ??= make();
    return await (await made).request(wanted);
  };
  return { compute, web: { request } };
}
