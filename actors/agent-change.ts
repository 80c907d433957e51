// How agents and sub-agents change: pure steps from a stored row and a client's fields to the next
// version of the row. Who stores them (one transaction) is the agent service.

import { type Agent, type AgentInput, agentInput } from "./records/agent.ts";
import {
  type AgentRow,
  agentTables,
  type SubAgentEntry,
  type SubAgentRow,
  versionId,
} from "./records/agent-version.ts";
import type { AgentOrigin } from "./records/constraints.ts";
import { skillLinks } from "./records/skill.ts";
import type { SubAgent, SubAgentInput } from "./records/sub-agent.ts";
import type { ToolUse } from "./records/tool.ts";
import { useLinks } from "./tools/links.ts";
import { storedUses } from "./tools/secret-headers.ts";

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

/** Which version answers which share (0..1) of conversations. */
export type Canary = NonNullable<NonNullable<Agent["agent_config"]>["canary"]>;

type Fields = Readonly<Record<string, unknown>>;

/** A new agent at version 1, every field that was not sent null. */
export function newAgent(
  input: AgentInput,
  key: string,
  at: string,
  origin: AgentOrigin = null,
): AgentRow {
  const agent = { agent_key: key, ...agentFieldsOf(withTools(input, null)) };
  return {
    agent: {
      ...agent,
      agent_type: "supervisor",
      origin,
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
  return nextVersion(row, at, {
    ...row.agent,
    ...(withTools(patch, row.agent) as Partial<Agent>),
  });
}

/** The next version with all fields as sent; what was not sent is unset. */
export function replaceAgent(row: AgentRow, input: AgentInput, at: string): AgentRow {
  const fields = agentFieldsOf(withTools(input, row.agent)) as Partial<Agent>;
  return nextVersion(row, at, { ...row.agent, ...fields });
}

/** The next version after a sub-agent came, changed or went (`sub` null). */
export function withSubAgent(
  row: AgentRow,
  key: string,
  sub: SubAgentRow | null,
  at: string,
): AgentRow {
  const isKnown = row.subAgents.some((entry) => entry.key === key);
  let subAgents = row.subAgents;
  if (sub === null) subAgents = subAgents.filter((entry) => entry.key !== key);
  else if (isKnown) {
    const entry = subAgentEntry(sub);
    subAgents = subAgents.map((one) => (one.key === key ? entry : one));
  } else subAgents = [...subAgents, subAgentEntry(sub)];
  return { ...nextVersion(row, at, row.agent), subAgents };
}

/** A sub-agent as its agent's row has it. */
export function subAgentEntry({ subAgent, version }: SubAgentRow): SubAgentEntry {
  const { tools, skills } = subAgent;
  const links = { ...useLinks(tools ?? [], "/tools"), ...skillLinks(skills ?? [], "/skills") };
  const names = Object.values(links);
  return { key: subAgent.sub_agent_key, version, ...(names.length > 0 && { names }) };
}

/** The next version with a canary, or without one (null). */
export function withCanary(row: AgentRow, canary: Canary | null, at: string): AgentRow {
  return nextVersion(row, at, { ...row.agent, agent_config: configWith(row.agent, canary) });
}

/** The next version with the fields of an earlier one. A restored agent has no canary. */
export function restoredAgent(
  row: AgentRow,
  earlier: AgentRow,
  subAgents: AgentRow["subAgents"],
  at: string,
): AgentRow {
  const agent_config = configWith(earlier.agent, null);
  const agent = { ...earlier.agent, agent_config, origin: row.agent.origin ?? null };
  return { ...nextVersion(row, at, agent), subAgents };
}

/** The agent as it is, with a draft's number taken. */
export function withDraft(row: AgentRow, draft: AgentRow): AgentRow {
  return { ...row, latest: draft.version };
}

/** A version of its own with the fields of an earlier sub-agent. */
export function restoredSubAgent(earlier: SubAgent, version: number, at: string): SubAgentRow {
  return { subAgent: { ...earlier, updated_at: at }, version };
}

/** With the secrets of tools that were sent as they are shown. @throws INVALID with the pointer. */
function withTools<Sent extends Pick<AgentInput, "tools">>(
  sent: Sent,
  before: { readonly tools?: readonly ToolUse[] | null } | null,
): Sent {
  return sent.tools == null ? sent : { ...sent, tools: storedUses(sent.tools, before?.tools) };
}

function configWith(agent: Agent, canary: Canary | null): Agent["agent_config"] {
  const { canary: _, ...config } = agent.agent_config ?? {};
  if (canary !== null) return { ...config, canary };
  return Object.keys(config).length === 0 ? null : config;
}

/** A new sub-agent at version 1 with the defaults of what was not sent. `before`: the one it replaces. */
export function newSubAgent(
  input: SubAgentInput,
  keys: { readonly agent: string; readonly subAgent: string },
  at: string,
  before: SubAgent | null = null,
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
    tools: null,
    skills: null,
    created_at: at,
    updated_at: at,
  };
  const fields = withTools(input, before) as Partial<SubAgent>;
  return { subAgent: { ...base, ...fields }, version: 1 };
}

/** The next version of a sub-agent with `patch` laid over its fields. */
export function patchSubAgent(
  row: SubAgentRow,
  patch: Partial<SubAgentInput>,
  at: string,
): SubAgentRow {
  return {
    subAgent: {
      ...row.subAgent,
      ...(withTools(patch, row.subAgent) as Partial<SubAgent>),
      updated_at: at,
    },
    version: row.version + 1,
  };
}

/** The next version of a sub-agent with all fields as sent. */
export function replaceSubAgent(row: SubAgentRow, input: SubAgentInput, at: string): SubAgentRow {
  const { agent_key, sub_agent_key, created_at } = row.subAgent;
  const keys = { agent: agent_key, subAgent: sub_agent_key };
  const fresh = newSubAgent(input, keys, at, row.subAgent);
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
  const { latest, ...rest } = row;
  const version = (latest ?? row.version) + 1;
  return { ...rest, version, agent: { ...agent, version, updated_at: at } };
}

function agentFieldsOf(input: AgentInput): Fields {
  const sent = input as Fields;
  return {
    ...Object.fromEntries(agentFields.map((field) => [field, sent[field] ?? null])),
    agent_type: "supervisor",
  };
}
