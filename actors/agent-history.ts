// Which versions of an agent are kept: the newest ones, and those in use. A run pinned to a version
// was started while that version was given to new runs and ends within its own deadline, so a version
// is in use as long after it stopped being given as a run may live. Pure.

import { limits } from "./limits.ts";
import { agentLimits } from "./records/agent.ts";
import type { AgentHistory, AgentRow, VersionEntry } from "./records/agent-version.ts";

/** Beyond a run's life: its start may be late and its end slow. */
const GRACE_MS = 60_000;
/** Versions are dropped a slice at a time, so that most changes drop none. */
const DROP_SLICE = 20;

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
  const now = served(change.to);
  const was = change.from === null ? [] : served(change.from);
  const versions = history.versions.map((entry) => {
    const { servedUntilMs, ...rest } = entry;
    if (now.includes(entry.version)) return rest;
    return was.includes(entry.version) ? { ...rest, servedUntilMs: nowMs } : entry;
  });
  return { versions: [...versions, change.entry] };
}

/** The oldest versions that need not be kept, when there are a slice too many; else []. */
export function droppable(
  history: AgentHistory,
  row: AgentRow,
  nowMs: number,
): readonly VersionEntry[] {
  const { versions } = history;
  const excess = versions.length - agentLimits.versionsKept;
  if (excess < DROP_SLICE) return [];
  const inUse = served(row);
  const sinceMs = nowMs - limits.runMs - GRACE_MS;
  return versions
    .slice(0, excess)
    .filter(
      ({ version, servedUntilMs }) =>
        !inUse.includes(version) && (servedUntilMs === undefined || servedUntilMs < sinceMs),
    );
}
