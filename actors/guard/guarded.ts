// The door of guardrails for runs, called first thing by every run that answers: one for which none holds
// goes on as it is, and loads nothing of them.

import type { RunContext } from "../../runtime/actor.ts";
import type { Ports } from "../ports.ts";
import type { GuardRef } from "../records/guardrail.ts";
import type { Meter } from "../spend.ts";
import type { GuardedInput } from "./input.ts";
import { storedChain } from "./stored.ts";

/**
 * Does the work of a run under the chains that hold for it.
 * @throws GUARDRAIL_BLOCKED when what it is asked is blocked.
 */
export async function guarded<I extends GuardedInput, R extends object>(
  context: RunContext<Ports>,
  input: I,
  meter: Meter,
  work: (context: RunContext<Ports>, input: I) => Promise<R>,
): Promise<R> {
  const above = input.guards ?? [];
  const ref: GuardRef = { id: input.agent, version: input.version };
  const isAbove = above.some(({ id, version }) => id === ref.id && version === ref.version);
  const own = isAbove ? [] : [await storedChain(context, ref)];
  const all = [...(await Promise.all(above.map((one) => storedChain(context, one)))), ...own];
  const chains = all.filter(({ rules }) => rules.length > 0);
  if (chains.length === 0 && input.screened === undefined) return work(context, input);
  const { underGuard } = await import("./guarded-run.ts");
  return await underGuard(context, input, { chains, own: isAbove ? null : ref, meter, work });
}
