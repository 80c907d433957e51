// The kept versions of an agent in the tenant's tables: what a change adds to them and what it drops.

import { droppable, historyWith } from "../../../actors/agent-history.ts";
import { limits } from "../../../actors/limits.ts";
import {
  type AgentHistory,
  type AgentRow,
  agentTables,
  type VersionEntry,
  versionId,
} from "../../../actors/records/agent-version.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import type { Tables, TableWrite } from "../../../runtime/system.ts";

const PAGE_ROWS = 200;
/** Rows removed with one change. */
const REMOVALS_MAX = 400;
const RETRY_AFTER_MS = 60_000;

/** A change of an agent as its history sees it. */
export interface HistoryChange {
  readonly tenant: string;
  readonly from: AgentRow | null;
  /** The agent's current row after the change. */
  readonly to: AgentRow;
  readonly entry: VersionEntry;
  readonly nowMs: number;
}

/** The kept versions of an agent, ascending. */
export async function readHistory(
  tables: Tables,
  tenant: string,
  agent: string,
): Promise<AgentHistory> {
  const row = await tables.get(tenant, agentTables.histories, agent);
  if (row !== undefined) return row.value as AgentHistory;
  // An agent from before there were histories: its version rows say what there is.
  const versions: VersionEntry[] = [];
  let after: string | undefined;
  while (versions.length < limits.versionsMax) {
    const page = {
      prefix: `${agent}.`,
      limit: PAGE_ROWS,
      ...(after === undefined ? {} : { after }),
    };
    const rows = await tables.list(tenant, agentTables.agentVersions, page);
    for (const { value } of rows) {
      const { version, agent: of } = value as AgentRow;
      versions.push({ version, at: of.updated_at, reason: version === 1 ? "created" : "changed" });
    }
    after = rows.at(-1)?.id;
    if (rows.length < PAGE_ROWS) break;
  }
  return { versions: versions.sort((left, right) => left.version - right.version) };
}

/**
 * What a change writes beside the agent itself: its history, and the removal of what is not kept.
 * @throws RATE_LIMITED when too many versions are in use to make another.
 */
export async function historyWrites(
  tables: Tables,
  change: HistoryChange,
): Promise<readonly TableWrite[]> {
  const { tenant, from, to, nowMs } = change;
  const agent = to.agent.agent_key;
  const known = from === null ? { versions: [] } : await readHistory(tables, tenant, agent);
  const history = historyWith(known, change, nowMs);
  const dropped = droppable(history, to, nowMs);
  const removals = dropped.length === 0 ? none : await removalsOf(tables, change, history, dropped);
  const versions = history.versions.filter(({ version }) => !removals.versions.has(version));
  if (versions.length > limits.versionsMax) {
    const text = `${limits.versionsMax} versions of ${agent} are in use; change it less often.`;
    throw new RuntimeError("RATE_LIMITED", text, { retryAfterMs: RETRY_AFTER_MS });
  }
  return [
    { type: "put", table: agentTables.histories, id: agent, value: { versions } },
    ...removals.writes,
  ];
}

interface Removals {
  readonly versions: ReadonlySet<number>;
  readonly writes: readonly TableWrite[];
}

const none: Removals = { versions: new Set(), writes: [] };

/** Versions to remove, with the sub-agents' versions that only they name. */
async function removalsOf(
  tables: Tables,
  { tenant, to }: HistoryChange,
  history: AgentHistory,
  dropped: readonly VersionEntry[],
): Promise<Removals> {
  const agent = to.agent.agent_key;
  const numbers = new Set(dropped.map(({ version }) => version));
  const subIds = async (version: number): Promise<readonly string[]> => {
    const row = await tables.get(tenant, agentTables.agentVersions, versionId(agent, version));
    const { subAgents = [] } = (row?.value ?? {}) as Partial<AgentRow>;
    return subAgents.map((sub) => versionId(sub.key, sub.version));
  };
  const named = new Set(to.subAgents.map((sub) => versionId(sub.key, sub.version)));
  for (const { version } of history.versions) {
    if (!numbers.has(version)) for (const id of await subIds(version)) named.add(id);
  }
  const versions = new Set<number>();
  const writes: TableWrite[] = [];
  for (const { version } of dropped) {
    const table = agentTables.agentVersions;
    const subs = (await subIds(version)).filter((id) => !named.has(id));
    if (writes.length + subs.length >= REMOVALS_MAX) break;
    versions.add(version);
    writes.push({ type: "remove", table, id: versionId(agent, version) });
    for (const id of subs) {
      named.add(id);
      writes.push({ type: "remove", table: agentTables.subAgentVersions, id });
    }
  }
  return { versions, writes };
}
