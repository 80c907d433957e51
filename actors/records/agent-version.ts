// How agents lie in the tenant's tables. Any change to an agent or to one of its sub-agents makes a
// new version, so that a run can finish on the one it was started with; a version names the
// versions of its sub-agents instead of holding them, so that a change writes little.
//
//   agents               ag           AgentRow, the current one
//   agent-versions       ag.n         AgentRow, never changed
//   sub-agents           sa           SubAgentRow, the current one
//   sub-agent-versions   sa.n         SubAgentRow, never changed
//   agent-histories      ag           AgentHistory: which versions are kept, and why each was made

import type { Agent } from "./agent.ts";
import type { SubAgent } from "./sub-agent.ts";

/** Names of the tables above. */
export const agentTables = {
  agents: "agents",
  agentVersions: "agent-versions",
  subAgents: "sub-agents",
  subAgentVersions: "sub-agent-versions",
  histories: "agent-histories",
} as const;

/** An agent at one version, with the versions of its sub-agents in order of creation. */
export interface AgentRow {
  readonly agent: Agent;
  readonly version: number;
  /** The highest number given, when a draft has a higher one than the current version. */
  readonly latest?: number;
  readonly subAgents: readonly SubAgentEntry[];
  /** The canary and the newest drafts. */
  readonly held?: readonly HeldVersion[];
}

/** A version beside the current one that answers, or is made to. */
export interface HeldVersion {
  readonly version: number;
  readonly isDraft: boolean;
  /** Ids of the records that it names, or "id@3" for a version of one. */
  readonly links: readonly string[];
}

/** A sub-agent in its agent's row. */
export interface SubAgentEntry {
  readonly key: string;
  readonly version: number;
  /** Ids of the records that its tools name. */
  readonly names?: readonly string[];
}

/** A sub-agent at one version. */
export interface SubAgentRow {
  readonly subAgent: SubAgent;
  readonly version: number;
}

/** Why a version was made. `draft`: it answers nobody until a canary or a rollback names it. */
export type VersionReason = "created" | "changed" | "draft" | "restored" | "canary";

/** One kept version. */
export interface VersionEntry {
  readonly version: number;
  readonly at: string;
  readonly reason: VersionReason;
  /** The version it repeats, of a restored one. */
  readonly restored?: number;
  /** When new runs stopped being given it, ms; absent while they are, and of a draft. */
  readonly servedUntilMs?: number;
}

/** The kept versions of an agent, ascending. */
export interface AgentHistory {
  readonly versions: readonly VersionEntry[];
}

/** Row id of a version. */
export function versionId(key: string, version: number): string {
  return `${key}.${version}`;
}
