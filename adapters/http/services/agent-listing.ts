// How agents are listed, and which other records one names.

import { graphLinks } from "../../../actors/flow/links.ts";
import { agentInput } from "../../../actors/records/agent.ts";
import { type AgentRow, agentTables } from "../../../actors/records/agent-version.ts";
import { skillLinks } from "../../../actors/records/skill.ts";
import { useLinks } from "../../../actors/tools/links.ts";
import type { Listing } from "./record-index.ts";

/** Agents as lists filter, sort and search them. */
export const agentListing: Listing = {
  ...{ name: "agent", path: "agents", table: agentTables.agents },
  searched: ["name", "description"],
  filters: ["name", "model_name", "prompt_id", "engine", "target"],
  sorts: ["name", "model_name"],
  properties: agentInput.properties,
  recordOf: (value) => (value as AgentRow).agent,
  linksOf: (value) => {
    const row = value as AgentRow;
    return [...Object.values(agentLinks(row)), ...(row.held ?? []).flatMap(({ links }) => links)];
  },
};

/** Records that an agent names: the pointer of the field, and the id, or "id@3" for a version. */
export function agentLinks({ agent, subAgents }: AgentRow): Readonly<Record<string, string>> {
  const { prompt_id: prompt, prompt_version: version } = agent;
  const ofPrompt =
    prompt == null ? {} : { "/prompt_id": version == null ? prompt : `${prompt}@${version}` };
  const ofSubAgents = subAgents.flatMap(({ key, names = [] }) =>
    names.map((id, at) => [`/sub_agents/${key} (${at + 1})`, id] as const),
  );
  const ofTools = useLinks(agent.tools ?? [], "/tools");
  const ofSkills = skillLinks(agent.skills ?? [], "/skills");
  const ofGraph = graphLinks(agent.graph_definition, "/graph_definition");
  const { engine, target } = agent;
  return {
    ...{ ...ofPrompt, ...ofTools, ...ofSkills, ...ofGraph, ...Object.fromEntries(ofSubAgents) },
    ...(engine != null && { "/engine": engine }),
    ...(target != null && { "/target": target }),
  };
}
