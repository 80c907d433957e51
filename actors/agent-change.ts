// How agents and sub-agents change: pure steps from a stored row and a client's fields to the next
// version of the row. Who stores them (one transaction) is the agent service.

import { type Agent, type AgentInput, agentInput } from "./records/agent.ts";
import {
  type AgentRow,
  agentTables,
  type SubAgentRow,
  versionId,
} from "./records/agent-version.ts";
import type { SubAgent, SubAgentInput } from "./records/sub-agent.ts";

/** Fields a client may set, in the order of the record. */
export const agentFields = Object.keys(agentInput.properties) as (keyof AgentInput)[];

/** A row to put: table, id, value. */
export interface RowChange {
  readonly table: string;
  readonly id: string;
  readonly value: unknown;
}

/** Priority of a sub-agent that names none. */
export const PRIORITY_DEFAULT = 100;

type Fields = Readonly<Record<string, unknown>>;

/** A new agent at version 1, every field that was not sent null. */
export function newAgent(input: AgentInput, key: string, at: string): AgentRow {
  const agent = { agent_key: key, ...agentFieldsOf(input) };
  return {
    agent: {
      ...agent,
      agent_type: "supervisor",
      version: 1,
      created_at: at,
      updated_at: at,
    } as Agent,
    version: 1,
    subAgents: [],
  };
}

/** The next version with `patch` laid over the fields (null unsets one). */
export function patchAgent(row: AgentRow, patch: Partial<AgentInput>, at: string): AgentRow {
  return nextVersion(row, at, { ...row.agent, ...(patch as Partial<Agent>) });
}

/** The next version with all fields as sent; what was not sent is unset. */
export function replaceAgent(row: AgentRow, input: AgentInput, at: string): AgentRow {
  return nextVersion(row, at, { ...row.agent, ...(agentFieldsOf(input) as Partial<Agent>) });
}

/** The next version after a sub-agent came, changed or went (`version` null). */
export function withSubAgent(
  row: AgentRow,
  key: string,
  version: number | null,
  at: string,
): AgentRow {
  const isKnown = row.subAgents.some((entry) => entry.key === key);
  let subAgents = row.subAgents;
  if (version === null) subAgents = subAgents.filter((entry) => entry.key !== key);
  else if (isKnown) {
    subAgents = subAgents.map((entry) => (entry.key === key ? { key, version } : entry));
  } else subAgents = [...subAgents, { key, version }];
  return { ...nextVersion(row, at, row.agent), subAgents };
}

/** A new sub-agent at version 1 with the defaults of what was not sent. */
export function newSubAgent(
  input: SubAgentInput,
  keys: { readonly agent: string; readonly subAgent: string },
  at: string,
): SubAgentRow {
  const base: SubAgent = {
    sub_agent_key: keys.subAgent,
    agent_key: keys.agent,
    name: input.name,
    description: null,
    trigger: null,
    priority: PRIORITY_DEFAULT,
    action: null,
    model_name: null,
    temperature: null,
    output_schema: null,
    use_rag: false,
    collection_key: null,
    is_active: true,
    created_at: at,
    updated_at: at,
  };
  return { subAgent: { ...base, ...(input as Partial<SubAgent>) }, version: 1 };
}

/** The next version of a sub-agent with `patch` laid over its fields. */
export function patchSubAgent(
  row: SubAgentRow,
  patch: Partial<SubAgentInput>,
  at: string,
): SubAgentRow {
  return {
    subAgent: { ...row.subAgent, ...(patch as Partial<SubAgent>), updated_at: at },
    version: row.version + 1,
  };
}

/** The next version of a sub-agent with all fields as sent. */
export function replaceSubAgent(row: SubAgentRow, input: SubAgentInput, at: string): SubAgentRow {
  const { agent_key, sub_agent_key, created_at } = row.subAgent;
  const fresh = newSubAgent(input, { agent: agent_key, subAgent: sub_agent_key }, at);
  return { subAgent: { ...fresh.subAgent, created_at }, version: row.version + 1 };
}

/** The row under which a version of an agent is kept for the runs pinned to it. */
export function agentVersionRow(row: AgentRow): RowChange {
  const id = versionId(row.agent.agent_key, row.version);
  return { table: agentTables.agentVersions, id, value: row };
}

/** The rows of a sub-agent: the current one and its version. */
export function subAgentRows(row: SubAgentRow): readonly RowChange[] {
  const key = row.subAgent.sub_agent_key;
  return [
    { table: agentTables.subAgents, id: key, value: row },
    { table: agentTables.subAgentVersions, id: versionId(key, row.version), value: row },
  ];
}

function nextVersion(row: AgentRow, at: string, agent: Agent): AgentRow {
  const version = row.version + 1;
  return { ...row, version, agent: { ...agent, version, updated_at: at } };
}

function agentFieldsOf(input: AgentInput): Fields {
  const sent = input as Fields;
  return {
    ...Object.fromEntries(agentFields.map((field) => [field, sent[field] ?? null])),
    agent_type: "supervisor",
  };
}
