// On whose behalf a run uses what all share, such as a provider's slots.

import type { RunContext } from "../runtime/actor.ts";
import { addressParts } from "../runtime/address.ts";

/** The tenant, and the conversation or other root that the run belongs to. */
export function callerOf({ tenant, self }: Pick<RunContext, "tenant" | "self">): {
  readonly tenant: string;
  readonly key: string;
} {
  return { tenant, key: addressParts(self).root };
}
