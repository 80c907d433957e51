// Stored records with nothing set but what a bench of the router needs.

import { newAgent, newSubAgent } from "../actors/agent-change.ts";
import type { Agent } from "../actors/records/agent.ts";
import type { SubAgent } from "../actors/records/sub-agent.ts";

const AT = "2026-01-01T00:00:00Z";

/** A supervisor without settings. */
export function agentRecord(): Agent {
  return newAgent({ name: "Supervisor", agent_type: "supervisor" }, "ag_bench", AT).agent;
}

/** A sub-agent `sa_<key>` with a trigger. */
export function subAgentRecord(
  key: string,
  name: string,
  trigger: NonNullable<SubAgent["trigger"]>,
): SubAgent {
  const keys = { agent: "ag_bench", subAgent: `sa_${key}` };
  return newSubAgent({ name, trigger }, keys, AT).subAgent;
}
