// Names of tools that the caller of a completion brings along, held against those of whom is asked before
// a run begins: a model that knows two tools by one name calls neither for sure. What only the run can know
// (somebody it is handed over to) is found there.

import { nameTaken } from "../../../actors/answer/client-tools.ts";
import { type Pointers, plainPointers } from "../../../actors/client-tools.ts";
import { toolNames } from "../../../actors/mcp/names.ts";
import type { ToolSpec } from "../../../actors/ports.ts";
import type { Agent } from "../../../actors/records/agent.ts";
import {
  type AgentRow,
  agentTables,
  type SubAgentRow,
  versionId,
} from "../../../actors/records/agent-version.ts";
import { type ResourceRow, resourceTables } from "../../../actors/records/resource.ts";
import { readSkillName } from "../../../actors/records/skill.ts";
import type { SubAgent } from "../../../actors/records/sub-agent.ts";
import { isRecordId, type ToolInput } from "../../../actors/records/tool.ts";
import { toolKind } from "../../../actors/records/tool-kind.ts";
import { rowReader } from "../resources/resource-rules.ts";
import type { CheckPlace } from "./agent-checks.ts";

type Read = ReturnType<typeof rowReader>;

/** The version of an agent that is to answer. */
export interface Answering {
  readonly agent: string;
  readonly version: number;
}

const { current: toolRecords } = resourceTables(toolKind);

/**
 * Any of its sub-agents may be the one that answers, so their names are taken as the agent's own are.
 * @throws INVALID with the pointer of the first name that is taken.
 */
export async function checkToolNames(
  place: CheckPlace,
  { agent, version }: Answering,
  tools: readonly ToolSpec[],
  pointers: Pointers = plainPointers,
): Promise<void> {
  if (tools.length === 0) return;
  const read = rowReader(place);
  const row = (await read(agentTables.agentVersions, versionId(agent, version))) as
    | AgentRow
    | undefined;
  if (row === undefined) return;
  const wanted = new Map(tools.map(({ name }, at) => [name, at]));
  for (const owner of [row.agent, ...(await activeSubAgents(read, row))]) {
    for (const name of await namesOf(read, owner)) {
      const at = wanted.get(name);
      if (at !== undefined) throw nameTaken(name, `${pointers.tool(at)}/name`);
    }
  }
}

async function activeSubAgents(read: Read, row: AgentRow): Promise<readonly SubAgent[]> {
  const found: SubAgent[] = [];
  for (const { key, version } of row.subAgents) {
    const id = versionId(key, version);
    const sub = (await read(agentTables.subAgentVersions, id)) as SubAgentRow | undefined;
    if (sub?.subAgent.is_active) found.push(sub.subAgent);
  }
  return found;
}

/** As its model knows them. A record that is gone has none: the run says that it is. */
async function namesOf(
  read: Read,
  { tools, skills }: Pick<Agent | SubAgent, "tools" | "skills">,
): Promise<readonly string[]> {
  const names = (skills ?? []).length > 0 ? [readSkillName] : [];
  for (const { tool, name } of tools ?? []) {
    if (!isRecordId(tool)) names.push(name ?? tool);
    else {
      const record = (await read(toolRecords, tool)) as ResourceRow<ToolInput> | undefined;
      if (record !== undefined) names.push(...toolNames(record.record, name ?? record.record.name));
      else if (name !== undefined) names.push(name);
    }
  }
  return names;
}
