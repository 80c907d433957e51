// Which version of an agent answers: the current one, or the canary for its share of conversations.

import { SHARDS, shardOf } from "../runtime/address.ts";
import type { AgentRow } from "./records/agent-version.ts";

/**
 * The version for a conversation (or for a completion, by its own id): always the same one while the
 * share stays, and one that had the canary keeps it while the share grows.
 */
export function pinnedVersion(row: AgentRow, conversation: string): number {
  const { canary } = row.agent.agent_config ?? {};
  if (!canary) return row.version;
  // A hash of its own, not the placement's: else the canary would live on a few workers only.
  const place = shardOf(`canary-${row.agent.agent_key}`, conversation) / SHARDS;
  return place < canary.share ? canary.version : row.version;
}
