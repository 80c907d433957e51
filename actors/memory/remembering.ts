// Who takes in what was said in a turn: the agent that answered, or those that answered as a team. The
// conversation starts a run for each after the turn, and has each forget when it is deleted.

import { limits } from "../limits.ts";
import type { Agent } from "../records/agent.ts";
import { memorySettings } from "../records/memory.ts";
import type { Remembering, TurnInput, TurnResult } from "../turn-input.ts";

type Turn = Pick<TurnInput, "owner" | "task">;

/** Whether the user talks with it. What other runs ask of it is theirs, unless they say that it is talk. */
export function isTalk({ owner, task }: Turn): boolean {
  return owner === "conversation" && (task === undefined || task.isTalk === true);
}

/** The field of a result that says that this agent remembers; {} for one without a memory. */
export function remembering(
  { agent, version }: Pick<Remembering, "agent" | "version">,
  record: Pick<Agent, "memory">,
  { memories = [] }: Pick<TurnResult, "memories">,
): Pick<TurnResult, "remembering"> {
  if (memorySettings(record.memory) === null) return {};
  return { remembering: [{ agent, version, recalled: memories.map(({ id }) => id) }] };
}

/** The same of all that took part: each agent once, at most `limits.memoryAgents`, first come first. */
export function allRemembering(
  results: readonly Pick<TurnResult, "remembering">[],
): Pick<TurnResult, "remembering"> {
  const byAgent = new Map<string, Remembering>();
  for (const one of results.flatMap((result) => result.remembering ?? [])) {
    const known = byAgent.get(one.agent);
    if (known === undefined && byAgent.size === limits.memoryAgents) continue;
    const recalled = new Set([...(known?.recalled ?? []), ...one.recalled]);
    byAgent.set(one.agent, { ...(known ?? one), recalled: [...recalled] });
  }
  return byAgent.size === 0 ? {} : { remembering: [...byAgent.values()] };
}
