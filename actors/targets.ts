// What a conversation can be with: an agent, a team or a workflow; and what runs can ask beside those, an
// agent elsewhere, which is a tool. Their ids say which; each has a table of current rows, one of versions,
// and a kind of run that answers for it. Runs are pinned to the version that was current when their message
// was accepted.

import { pinnedVersion } from "./canary.ts";
import type { PinnedPrompts } from "./prompts/prompt.ts";
import type { onBusy } from "./records/agent.ts";
import { type AgentRow, agentTables } from "./records/agent-version.ts";
import type { Guardrail } from "./records/guardrail.ts";
import type { Static } from "./schema.ts";

/** Kinds of what answers. */
export type TargetKind = "agent" | "team" | "workflow" | "tool";

/** Where the records of a kind are. */
export interface TargetPlace {
  readonly kind: TargetKind;
  /** Table of the current rows, by id. */
  readonly current: string;
  /** Table of rows that never change, by `versionId`. */
  readonly versions: string;
}

const agents: TargetPlace = {
  kind: "agent",
  current: agentTables.agents,
  versions: agentTables.agentVersions,
};

const places: ReadonlyMap<string, TargetPlace> = new Map([
  ["ag", agents],
  ["tm", { kind: "team", current: "teams", versions: "teams-versions" }],
  ["wf", { kind: "workflow", current: "workflows", versions: "workflows-versions" }],
  ["tl", { kind: "tool", current: "tools", versions: "tools-versions" }],
]);

/** The place of an id; what has an unknown prefix is looked for among the agents, where it is not. */
export function targetPlace(id: string): TargetPlace {
  return places.get(id.slice(0, id.indexOf("_"))) ?? agents;
}

/** "Team tm_1": for messages. */
export function targetNamed(id: string): string {
  const { kind } = targetPlace(id);
  return `${kind.charAt(0).toUpperCase()}${kind.slice(1)} ${id}`;
}

/** The name of a target by its current row; undefined when it is not there. */
export function targetName(row: unknown): string | undefined {
  const { agent, record } = (row ?? {}) as { agent?: NamedRecord; record?: NamedRecord };
  return agent?.name ?? record?.name;
}

interface NamedRecord {
  readonly name?: string;
}

/** What a target's current row says about a message that is accepted now. */
export interface Accepting {
  readonly version: number;
  /** Kind of the run that answers. */
  readonly runKind: "supervisor" | "workflow" | "team" | "flow" | "remote-agent";
  readonly onBusy: Static<typeof onBusy> | null;
  readonly onDisconnect: "continue" | "cancel" | null;
  /** Model the answer is expected from, "" when the target says none. */
  readonly model: string;
  /** Version of the current row, whose `guardrails` these are: a canary may be another one. */
  readonly current: number;
  readonly guardrails: readonly Guardrail[];
  /** The agent's record, of an agent. */
  readonly agent: AgentRow["agent"] | null;
  /** Whether it or one of its sub-agents names skills. */
  readonly hasSkills: boolean;
}

const runKinds = { team: "team", workflow: "flow", tool: "remote-agent" } as const;

/** The row of a team, a workflow or a tool, as far as accepting needs it (records/resource.ts). */
interface PlainRow {
  readonly version: number;
  readonly record: {
    readonly on_busy?: Accepting["onBusy"];
    readonly on_disconnect?: Accepting["onDisconnect"];
    readonly guardrails?: readonly Guardrail[];
  };
}

/** Reads a target's current row for the conversation, or completion, `root`. */
export function accepting(id: string, row: unknown, root: string): Accepting | undefined {
  if (row === undefined) return undefined;
  const { kind } = targetPlace(id);
  if (kind !== "agent") {
    const { version, record } = row as PlainRow;
    return {
      version,
      current: version,
      guardrails: record.guardrails ?? [],
      runKind: runKinds[kind],
      onBusy: record.on_busy ?? null,
      onDisconnect: record.on_disconnect ?? null,
      model: "",
      agent: null,
      hasSkills: false,
    };
  }
  const agentRow = row as AgentRow;
  const { agent } = agentRow;
  return {
    version: pinnedVersion(agentRow, root),
    current: agentRow.version,
    guardrails: agent.guardrails ?? [],
    runKind: agent.graph_definition ? "workflow" : "supervisor",
    onBusy: agent.agent_config?.on_busy ?? null,
    onDisconnect: agent.agent_config?.on_disconnect ?? null,
    model: agent.model_name ?? "",
    agent,
    hasSkills: namesSkills(agentRow),
  };
}

/** Whether an agent or one of its sub-agents names a skill. */
export function namesSkills({ agent, subAgents }: AgentRow): boolean {
  if ((agent.skills ?? []).length > 0) return true;
  return subAgents.some(({ names = [] }) => names.some((name) => name.startsWith("sk_")));
}

/** Prefix of the keys under which versions are pinned; a record of the run finds them by it. */
export const PIN_PREFIX = "pin:";

/** The version of a target that this run uses from its first use on. */
export interface TargetPin extends Pick<Accepting, "version" | "runKind"> {
  readonly target: string;
  /** Versions of an agent's prompts and skills, from then on. */
  readonly prompts?: PinnedPrompts;
}
