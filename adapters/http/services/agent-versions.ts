// Versions of agents: which are kept, going back to one at once, a draft that answers nobody yet, and
// a canary that answers a share of the conversations. All of them choose or make a number; runs that
// are under way finish on the number they were started with.

import {
  type Canary,
  patchAgent,
  restoredAgent,
  restoredSubAgent,
  subAgentEntry,
  subAgentRows,
  withCanary,
  withDraft,
} from "../../../actors/agent-change.ts";
import type { AgentInput } from "../../../actors/records/agent.ts";
import {
  type AgentRow,
  agentTables,
  type SubAgentEntry,
  type SubAgentRow,
  type VersionEntry,
  versionId,
} from "../../../actors/records/agent-version.ts";
import { chargeOf, noCharge } from "../../../actors/records/price.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import type { Tables, TableWrite } from "../../../runtime/system.ts";
import { checkAgent } from "./agent-checks.ts";
import { readHistory } from "./agent-history.ts";
import {
  type AgentServiceOptions,
  type AgentStore,
  type Caller,
  type Loaded,
  put,
} from "./agent-store.ts";
import type { Page, PageRequest } from "./paging.ts";
import { withSkillIds } from "./skill-names.ts";
import { operationsOf } from "./tenant-prices.ts";
import { pageOfVersions } from "./version-page.ts";

/** A kept version as lists show it. */
export interface VersionItem extends VersionEntry {
  readonly isCurrent: boolean;
  /** Share of conversations it answers as the canary, else null. */
  readonly canaryShare: number | null;
}

/** A version with the sub-agents it names. */
export interface VersionDetails {
  readonly row: AgentRow;
  readonly subAgents: readonly SubAgentRow[];
}

/** Versions of agents of all tenants. `ifMatch` is the current version a change must be made from. */
export interface VersionService {
  /** Newest first. @throws NOT_FOUND. */
  list(tenant: string, agent: string, page: PageRequest): Promise<Page<VersionItem>>;
  /** @throws NOT_FOUND for one that is not kept. */
  get(tenant: string, agent: string, version: number): Promise<VersionDetails>;
  /** Makes a version that answers nobody yet. */
  draft(
    caller: Caller,
    agent: string,
    patch: Partial<AgentInput>,
    ifMatch: number | null,
  ): Promise<AgentRow>;
  /** From now on the agent is as it was at `version`: a new version with its fields, no canary. */
  rollback(
    caller: Caller,
    agent: string,
    version: number,
    ifMatch: number | null,
  ): Promise<AgentRow>;
  /** Starts or changes the canary; null ends it. */
  canary(
    caller: Caller,
    agent: string,
    canary: Canary | null,
    ifMatch: number | null,
  ): Promise<AgentRow>;
  /** The canary answers everybody. @throws CONFLICT without one. */
  promote(caller: Caller, agent: string, ifMatch: number | null): Promise<AgentRow>;
}

/** Pages of a sub-agent's versions, to find its highest number. */
const PAGE_ROWS = 200;

/** The service over a system's tables. */
export function createVersionService(
  options: AgentServiceOptions,
  store: AgentStore,
): VersionService {
  const { tables } = options.system;
  const commit = async (
    caller: Caller,
    from: Loaded,
    row: AgentRow,
    more: Pick<Parameters<AgentStore["commit"]>[1], "more" | "reason" | "restored">,
  ): Promise<AgentRow> => {
    await store.commit(caller, { from, row, charge: noCharge, ...more });
    return row;
  };
  const restore = async (caller: Caller, from: Loaded, version: number, at: string) => {
    const isAsIs = version === from.row.version && !from.row.agent.agent_config?.canary;
    if (isAsIs) return from.row;
    const earlier = await readVersion(tables, caller.tenant, from.row.agent.agent_key, version);
    const subs = await restoredSubs(tables, caller.tenant, { current: from.row, earlier, at });
    const row = restoredAgent(from.row, earlier, subs.named, at);
    return await commit(caller, from, row, {
      more: subs.writes,
      reason: "restored",
      restored: version,
    });
  };
  return {
    list: async (tenant, agent, page) => {
      const { row } = await store.load(tenant, agent);
      return pageOfAgent((await readHistory(tables, tenant, agent)).versions, row, page);
    },
    get: async (tenant, agent, version) => {
      await store.load(tenant, agent);
      const row = await readVersion(tables, tenant, agent, version);
      return { row, subAgents: await readSubs(tables, tenant, row) };
    },
    draft: (caller, agent, patch, ifMatch) =>
      store.changing(caller, agent, ifMatch, async (from, at) => {
        const place = store.placeOf(caller.tenant);
        const next = patchAgent(from.row, patch, at);
        const version = "skills" in patch ? await withSkillIds(place, next) : next;
        await checkAgent(place, version, patch);
        const charge = chargeOf((await operationsOf(options, caller.tenant)).updateAgent);
        const row = withDraft(from.row, version);
        await store.commit(caller, { from, row, version, more: [], charge, reason: "draft" });
        return version;
      }),
    rollback: (caller, agent, version, ifMatch) =>
      store.changing(caller, agent, ifMatch, (from, at) => restore(caller, from, version, at)),
    canary: (caller, agent, canary, ifMatch) =>
      store.changing(caller, agent, ifMatch, async (from, at) => {
        if (canary === null && !from.row.agent.agent_config?.canary) return from.row;
        if (canary !== null) await readVersion(tables, caller.tenant, agent, canary.version);
        const row = withCanary(from.row, canary, at);
        return await commit(caller, from, row, { more: [], reason: "canary" });
      }),
    promote: (caller, agent, ifMatch) =>
      store.changing(caller, agent, ifMatch, async (from, at) => {
        const { canary } = from.row.agent.agent_config ?? {};
        if (!canary) throw new RuntimeError("CONFLICT", `Agent ${agent} has no canary.`);
        return await restore(caller, from, canary.version, at);
      }),
  };
}

function pageOfAgent(
  versions: readonly VersionEntry[],
  row: AgentRow,
  page: PageRequest,
): Page<VersionItem> {
  const { canary } = row.agent.agent_config ?? {};
  const { items, next } = pageOfVersions(versions, page);
  const shown = items.map((entry) => ({
    ...entry,
    isCurrent: entry.version === row.version,
    canaryShare: entry.version === canary?.version ? canary.share : null,
  }));
  return { items: shown, next };
}

async function readVersion(
  tables: Tables,
  tenant: string,
  agent: string,
  version: number,
): Promise<AgentRow> {
  const found = await tables.get(tenant, agentTables.agentVersions, versionId(agent, version));
  if (found !== undefined) return found.value as AgentRow;
  throw new RuntimeError("NOT_FOUND", `Agent ${agent} has no version ${version}.`);
}

async function readSubs(
  tables: Tables,
  tenant: string,
  row: AgentRow,
): Promise<readonly SubAgentRow[]> {
  const all: SubAgentRow[] = [];
  for (const { key, version } of row.subAgents) {
    const id = versionId(key, version);
    const found = await tables.get(tenant, agentTables.subAgentVersions, id);
    if (found !== undefined) all.push(found.value as SubAgentRow);
  }
  return all;
}

/** Sub-agents as they were: those that differ get a version of their own, new ones go. */
async function restoredSubs(
  tables: Tables,
  tenant: string,
  of: { readonly current: AgentRow; readonly earlier: AgentRow; readonly at: string },
): Promise<{ readonly named: AgentRow["subAgents"]; readonly writes: readonly TableWrite[] }> {
  const { current, earlier, at } = of;
  const now = new Map(current.subAgents.map(({ key, version }) => [key, version]));
  const named: SubAgentEntry[] = [];
  const writes: TableWrite[] = [];
  for (const sub of await readSubs(tables, tenant, earlier)) {
    const key = sub.subAgent.sub_agent_key;
    const latest = now.get(key);
    if (latest === sub.version) {
      named.push(subAgentEntry(sub));
      continue;
    }
    // Numbers only grow: one that was given is never given to other fields.
    const version = (latest ?? (await highestVersion(tables, tenant, key))) + 1;
    const restored = restoredSubAgent(sub.subAgent, version, at);
    named.push(subAgentEntry(restored));
    writes.push(...subAgentRows(restored).map(put));
  }
  const kept = new Set(named.map(({ key }) => key));
  for (const { key } of current.subAgents) {
    if (!kept.has(key)) writes.push({ type: "remove", table: agentTables.subAgents, id: key });
  }
  return { named, writes };
}

async function highestVersion(tables: Tables, tenant: string, key: string): Promise<number> {
  let highest = 0;
  let after: string | undefined;
  for (;;) {
    const page = { prefix: `${key}.`, limit: PAGE_ROWS, ...(after === undefined ? {} : { after }) };
    const rows = await tables.list(tenant, agentTables.subAgentVersions, page);
    for (const { value } of rows) highest = Math.max(highest, (value as SubAgentRow).version);
    after = rows.at(-1)?.id;
    if (rows.length < PAGE_ROWS) return highest;
  }
}
