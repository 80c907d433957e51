// The door of constraints for runs, called first thing by every run that answers. An agent's limits hold for
// its run and all that it starts; a run for which none holds goes on as it is, and pays nothing for it.

import type { RunContext } from "../../runtime/actor.ts";
import { loadAgent } from "../compiled.ts";
import { purseAddress } from "../money/messages.ts";
import type { Ports } from "../ports.ts";
import type { Agent } from "../records/agent.ts";
import type { LimitScope, ScopeLimits } from "../records/constraints.ts";
import type { TurnReference } from "../turn-input.ts";
import { LimitedContext } from "./limited-context.ts";
import { limitReached } from "./scope.ts";

/** Input of a run that answers, as far as it matters here. */
interface LimitedInput extends TurnReference {
  /** It repeats an answer. */
  readonly adopt?: unknown;
}

type Work<I, R> = (context: RunContext<Ports>, input: I) => Promise<R>;

/** Does the work of an agent's run within its limits and those of the runs above. @throws LIMIT_REACHED. */
export async function limited<I extends LimitedInput, R>(
  context: RunContext<Ports>,
  input: I,
  work: Work<I, R>,
): Promise<R> {
  if (input.adopt !== undefined) return await work(context, input);
  const { agent } = await loadAgent(context, input);
  const limits = countedOf(agent);
  const own: readonly LimitScope[] =
    limits === null ? [] : [{ run: context.id, agent: agent.agent_key, limits }];
  const isTimed = await limitTime(context, agent);
  if (limits !== null) {
    const { id: run } = context;
    context.sendAtEnd("limits-over", purseAddress(context.self), { type: "unlimit", run });
  }
  return await within(context, input, { own, isTimed }, work);
}

/** Does the work of a run that has no limits of its own within those of the runs above. @throws LIMIT_REACHED. */
export async function keptWithin<I extends LimitedInput, R>(
  context: RunContext<Ports>,
  input: I,
  work: Work<I, R>,
): Promise<R> {
  return await within(context, input, { own: [], isTimed: false }, work);
}

async function within<I extends LimitedInput, R>(
  context: RunContext<Ports>,
  input: I,
  { own, isTimed }: { readonly own: readonly LimitScope[]; readonly isTimed: boolean },
  work: Work<I, R>,
): Promise<R> {
  const scopes = [...(input.limits ?? []), ...own];
  if (scopes.length === 0 && !isTimed) return await work(context, input);
  // What has been written is kept when it is cut: so it has to come as it is written.
  const given = { ...input, stream: true };
  return await work(scopes.length === 0 ? context : new LimitedContext(context, scopes), given);
}

/** What of an agent's constraints is counted; null: nothing. */
function countedOf({ constraints }: Agent): ScopeLimits | null {
  const { max_runtime: _, concurrency: __, ...counted } = constraints ?? {};
  return Object.keys(counted).length === 0 ? null : counted;
}

const SECOND_MS = 1_000;

/** Sets the end of its time, if it has one. A run that repeats what another one did has its own. */
async function limitTime(context: RunContext<Ports>, agent: Agent): Promise<boolean> {
  const isOwn = agent.origin == null;
  const byDefault = isOwn ? undefined : context.ports.agentDefaults?.timeoutSeconds;
  const seconds = agent.constraints?.max_runtime ?? byDefault;
  if (seconds === undefined) return false;
  const key = context.isCopied("limits:begin") ? "limits:again" : "limits:begin";
  const sinceMs = await context.now(key);
  const scope = { agent: agent.agent_key, run: context.id };
  const error = limitReached("max_runtime", scope, { value: seconds, used: seconds });
  context.limitTime(sinceMs + seconds * SECOND_MS, error);
  return true;
}
