// What `--with` swaps: the model, the system message, the version of the agent. A swapped agent is
// one more version, beside the recorded ones, that the replayed run is pinned to.

import type { Agent } from "../../actors/records/agent.ts";
import {
  type AgentRow,
  agentTables,
  type SubAgentRow,
  versionId,
} from "../../actors/records/agent-version.ts";
import { targetPlace } from "../../actors/targets.ts";
import type { TurnInput } from "../../actors/turn-input.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import type { RunRecord } from "../../runtime/testkit/recording.ts";

/** What is swapped; what is absent stays. */
export interface Swap {
  readonly model?: string;
  readonly systemMessage?: string;
  /** Number of a version that is part of the record. */
  readonly version?: number;
}

/** A record whose run answers with another agent. */
export interface Swapped {
  readonly record: RunRecord;
  readonly input: TurnInput;
}

/** A prompt would take the place of the system message. */
const withoutPrompt = { prompt_id: null, prompt_version: null, prompt_variables: null };

/** Above every number that an agent's versions reach. */
const FIRST = 1_000_000_000;
let made = 0;

/** The run of a record on a swapped agent. @throws NOT_FOUND when the record lacks a version. */
export function swapAgent(record: RunRecord, swap: Swap): Swapped {
  const input = record.run.input as TurnInput;
  const from = agentRow(record, input.agent, swap.version ?? input.version);
  // Compiled agents are kept by number, so each swap takes a new one.
  made += 1;
  const version = FIRST + made;
  const agent: Agent = {
    ...from.agent,
    version,
    ...(swap.model === undefined ? {} : { model_name: swap.model }),
    ...(swap.systemMessage === undefined
      ? {}
      : { ...withoutPrompt, system_message: swap.systemMessage }),
  };
  const subAgents = from.subAgents.map(({ key, version: number }) => {
    const { subAgent } = rowOf(record, agentTables.subAgentVersions, key, number) as SubAgentRow;
    // A sub-agent without a model of its own takes the agent's.
    const hasOwn = swap.model !== undefined && subAgent.model_name !== null;
    const own = hasOwn ? { ...subAgent, model_name: swap.model } : subAgent;
    return { key, row: { subAgent: own, version } };
  });
  const row: AgentRow = {
    agent,
    version,
    subAgents: subAgents.map(({ key }) => ({ key, version })),
  };
  return {
    input: { ...input, version },
    record: {
      ...record,
      rows: [
        ...record.rows,
        { table: agentTables.agentVersions, id: versionId(input.agent, version), value: row },
        ...subAgents.map(({ key, row: value }) => ({
          table: agentTables.subAgentVersions,
          id: versionId(key, version),
          value,
        })),
      ],
    },
  };
}

/** The models that the recorded agent and its sub-agents name, "" for the default; of a team or workflow all of its. */
export function modelsOf(record: RunRecord): ReadonlySet<string> {
  const input = record.run.input as TurnInput;
  const all = record.rows.flatMap(({ table, value }) =>
    table === agentTables.agentVersions ? [value as AgentRow] : [],
  );
  const isAgent = targetPlace(input.agent).kind === "agent";
  const rows = isAgent ? [agentRow(record, input.agent, input.version)] : all;
  return new Set(
    rows.flatMap((row) => [
      row.agent.model_name ?? "",
      ...row.subAgents.map(({ key, version }) => {
        const sub = rowOf(record, agentTables.subAgentVersions, key, version) as SubAgentRow;
        return sub.subAgent.model_name ?? "";
      }),
    ]),
  );
}

function agentRow(record: RunRecord, key: string, version: number): AgentRow {
  return rowOf(record, agentTables.agentVersions, key, version) as AgentRow;
}

function rowOf(record: RunRecord, table: string, key: string, version: number): unknown {
  const id = versionId(key, version);
  const found = record.rows.find((row) => row.table === table && row.id === id);
  if (found !== undefined) return found.value;
  throw new RuntimeError("NOT_FOUND", `The record does not hold the version ${id}.`);
}
