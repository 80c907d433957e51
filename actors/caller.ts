// On whose behalf a run uses what all share, such as a provider's slots.

import type { RunContext } from "../runtime/actor.ts";
import { addressParts } from "../runtime/address.ts";
import type { Llm } from "./ports.ts";

type Caller = Parameters<Llm["complete"]>[1]["caller"];

/**
 * The tenant, and the conversation or other root that the run belongs to. `attempts`: where the requests
 * of the call are counted, if they are.
 */
export function callerOf(
  { tenant, self }: Pick<RunContext, "tenant" | "self">,
  attempts?: Caller["attempts"],
): Caller {
  return { tenant, key: addressParts(self).root, ...(attempts && { attempts }) };
}
