// What `--with` swaps: the model, the system message, the version of the agent; of a team or a workflow
// the model of all its agents or the version of one. A swapped agent is one more version, beside the
// recorded ones, that the replayed run is pinned to.

import type { Agent } from "../../actors/records/agent.ts";
import {
  type AgentRow,
  agentTables,
  type SubAgentRow,
  versionId,
} from "../../actors/records/agent-version.ts";
import { PIN_PREFIX, type TargetPin, targetNamed, targetPlace } from "../../actors/targets.ts";
import type { TurnInput } from "../../actors/turn-input.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import type { RunRecord } from "../../runtime/testkit/recording.ts";

/** What is swapped; what is absent stays. */
export interface Swap {
  readonly model?: string;
  readonly systemMessage?: string;
  /** Number of a version that is part of the record. */
  readonly version?: number;
  /** Whose version that is, of a team or a workflow: an agent that takes part. */
  readonly target?: string;
}

/** A record whose run answers with other agents. */
export interface Swapped {
  readonly record: RunRecord;
  readonly input: TurnInput;
  /** Versions that stand in for pinned ones, by `versionId`. */
  readonly pins: ReadonlyMap<string, StandIn>;
}

/** A version that stands in for a recorded one. */
export interface StandIn {
  readonly version: number;
  /** The kept version that it was made of. */
  readonly madeOf: number;
}

/** A prompt would take the place of the system message. */
const withoutPrompt = { prompt_id: null, prompt_version: null, prompt_variables: null };

/** Above every number that an agent's versions reach. */
const FIRST = 1_000_000_000;
let made = 0;

/**
 * The run of a record with other agents: the one that answers, or those of a team or a workflow.
 * @throws NOT_FOUND when the record lacks a version, INVALID for a swap that makes no sense of this run.
 */
export function swapRecord(record: RunRecord, swap: Swap): Swapped {
  const input = record.run.input as TurnInput;
  const { kind } = targetPlace(input.agent);
  if (kind !== "agent") return swapAgents(record, swap);
  if (swap.target !== undefined && swap.target !== input.agent) {
    throw new RuntimeError("INVALID", `${input.agent} answers this run, not ${swap.target}.`);
  }
  const { version, rows } = swapAgent(record, input.agent, swap.version ?? input.version, swap);
  const other = { ...record, rows: [...record.rows, ...rows] };
  return { input: { ...input, version }, record: other, pins: new Map() };
}

/** Every agent that takes part with another model, one of them on another version. */
function swapAgents(record: RunRecord, swap: Swap): Swapped {
  const input = record.run.input as TurnInput;
  const pinned = new Map<string, TargetPin>();
  for (const entry of record.log) {
    if (entry.type !== "step" || !entry.key.startsWith(PIN_PREFIX)) continue;
    const pin = entry.result as TargetPin;
    if (targetPlace(pin.target).kind !== "agent") continue;
    pinned.set(versionId(pin.target, pin.version), pin);
  }
  checkSwap(targetNamed(input.agent), swap, [...pinned.values()]);
  const pins = new Map<string, StandIn>();
  const rows: RunRecord["rows"][number][] = [];
  for (const [id, { target, version: recorded }] of pinned) {
    const isNamed = target === swap.target;
    if (swap.model === undefined && !isNamed) continue;
    const madeOf = isNamed ? (swap.version ?? recorded) : recorded;
    const swapped = swapAgent(record, target, madeOf, swap);
    pins.set(id, { version: swapped.version, madeOf });
    rows.push(...swapped.rows);
  }
  return { input, record: { ...record, rows: [...record.rows, ...rows] }, pins };
}

function checkSwap(named: string, swap: Swap, pinned: readonly TargetPin[]): void {
  const agents = [...new Set(pinned.map(({ target }) => target))].join(", ");
  const forms = `model=NAME for all its agents, or agent=AGENT.VERSION for one of them: ${agents}`;
  if (swap.systemMessage !== undefined) {
    const text = `${named} has no system message. Swap ${forms}.`;
    throw new RuntimeError("INVALID", text);
  }
  if (swap.version === undefined) return;
  if (swap.target === undefined) {
    const text = `The version of ${named} cannot be swapped: others would take part, whose answers are not recorded. Swap ${forms}.`;
    throw new RuntimeError("INVALID", text);
  }
  if (pinned.some(({ target }) => target === swap.target)) return;
  throw new RuntimeError("INVALID", `${swap.target} took no part in this run. Swap ${forms}.`);
}

/** One more version of an agent, and its rows. */
function swapAgent(
  record: RunRecord,
  key: string,
  madeOf: number,
  swap: Swap,
): { readonly version: number; readonly rows: RunRecord["rows"] } {
  const from = agentRow(record, key, madeOf);
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
  const subAgents = from.subAgents.map(({ key: sub, version: number }) => {
    const { subAgent } = rowOf(record, agentTables.subAgentVersions, sub, number) as SubAgentRow;
    // A sub-agent without a model of its own takes the agent's.
    const hasOwn = swap.model !== undefined && subAgent.model_name !== null;
    const own = hasOwn ? { ...subAgent, model_name: swap.model } : subAgent;
    return { key: sub, row: { subAgent: own, version } };
  });
  const row: AgentRow = {
    agent,
    version,
    subAgents: subAgents.map(({ key: sub }) => ({ key: sub, version })),
  };
  return {
    version,
    rows: [
      { table: agentTables.agentVersions, id: versionId(key, version), value: row },
      ...subAgents.map(({ key: sub, row: value }) => ({
        table: agentTables.subAgentVersions,
        id: versionId(sub, version),
        value,
      })),
    ],
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
