// Which versions of an agent are kept: those that new runs are given are two while it has a canary. Pure.

import type { AgentHistory, AgentRow, VersionEntry } from "./records/agent-version.ts";
import { droppableVersions, versionsWith } from "./version-history.ts";

/** Versions that new runs are given: the current one and the canary. */
export function served(row: AgentRow): readonly number[] {
  const { canary } = row.agent.agent_config ?? {};
  return canary ? [row.version, canary.version] : [row.version];
}

/** The history with one more version; those that are not served any more get their time. */
export function historyWith(
  history: AgentHistory,
  change: { readonly from: AgentRow | null; readonly to: AgentRow; readonly entry: VersionEntry },
  nowMs: number,
): AgentHistory {
  const { from, to, entry } = change;
  const step = { was: from === null ? [] : served(from), now: served(to), entry };
  return { versions: versionsWith(history.versions, step, nowMs) };
}

/** The oldest versions that need not be kept, when there are a slice too many; else []. */
export function droppable(
  history: AgentHistory,
  row: AgentRow,
  nowMs: number,
): readonly VersionEntry[] {
  return droppableVersions(history.versions, served(row), nowMs);
}
