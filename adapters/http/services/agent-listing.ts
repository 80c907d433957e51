// How agents are listed, and which other records one names.

import { agentInput } from "../../../actors/records/agent.ts";
import { type AgentRow, agentTables } from "../../../actors/records/agent-version.ts";
import type { Listing } from "./record-index.ts";

/** Agents as lists filter, sort and search them. */
export const agentListing: Listing = {
  ...{ name: "agent", path: "agents", table: agentTables.agents },
  searched: ["name", "description"],
  filters: ["name", "model_name", "prompt_id"],
  sorts: ["name", "model_name"],
  properties: agentInput.properties,
  recordOf: (value) => (value as AgentRow).agent,
  linksOf: (value) => Object.values(agentLinks(value as AgentRow)),
};

/** Records that an agent names: the pointer of the field, and the id, or "id@3" for a version. */
export function agentLinks({ agent }: AgentRow): Readonly<Record<string, string>> {
  const { prompt_id: prompt, prompt_version: version } = agent;
  if (prompt == null) return {};
  return { "/prompt_id": version == null ? prompt : `${prompt}@${version}` };
}
