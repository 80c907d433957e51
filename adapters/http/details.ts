// Records with every field in the order of document 001, for every surface that shows them whole.

import { agentFields } from "../../actors/agent-change.ts";
import type { AgentRow, SubAgentRow } from "../../actors/records/agent-version.ts";
import { shownUses } from "../../actors/tools/secret-headers.ts";

type Fields = Record<string, unknown>;

/** Every field of an agent, unset ones null. */
export function agentDetails({ agent }: AgentRow): Fields {
  const { agent_key, version, created_at, updated_at } = agent;
  const fields = Object.fromEntries(agentFields.map((name) => [name, agent[name] ?? null]));
  const tools = shownUses(agent.tools ?? null);
  return { agent_key, ...fields, tools, version, created_at, updated_at };
}

/** Every field of a sub-agent. */
export function subAgentDetails({ subAgent, version }: SubAgentRow): Fields {
  const { sub_agent_key, agent_key, created_at, updated_at, ...fields } = subAgent;
  const tools = shownUses(fields.tools);
  const skills = fields.skills ?? null;
  return { sub_agent_key, agent_key, ...fields, tools, skills, version, created_at, updated_at };
}
