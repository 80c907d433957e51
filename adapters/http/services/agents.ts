// The agent service: what every surface calls to create, read, change and delete agents and their
// sub-agents. Prices are taken here, in the same write as the change.

import { newAgent, newSubAgent, subAgentRows, withSubAgent } from "../../../actors/agent-change.ts";
import { type AgentInput, agentLimits } from "../../../actors/records/agent.ts";
import {
  type AgentRow,
  agentTables,
  type SubAgentRow,
} from "../../../actors/records/agent-version.ts";
import type { AgentOrigin } from "../../../actors/records/constraints.ts";
import { chargeOf, noCharge } from "../../../actors/records/price.ts";
import type { SubAgent, SubAgentInput } from "../../../actors/records/sub-agent.ts";
import { roomWrite } from "../../../actors/records/tenant-limits.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import { newId } from "../../../runtime/id.ts";
import type { TableWrite } from "../../../runtime/system.ts";
import { agentsCounter, readLimits, refusedByLimit } from "../../tenants/limits.ts";
import { checkAgent, checkSubAgent } from "./agent-checks.ts";
import { agentLinks, agentListing } from "./agent-listing.ts";
import {
  type AgentServiceOptions,
  type AgentStore,
  type Caller,
  checkMatch,
  createAgentStore,
  type Paid,
  put,
} from "./agent-store.ts";
import { countNamed, type ListRequest, listRows } from "./listing.ts";
import { type OnceKey, once } from "./once.ts";
import { FILES_BY } from "./orchestrated-by.ts";
import type { Page } from "./paging.ts";
import { lockOf, refuseUsed } from "./record-links.ts";
import { withSkillIds, withSubSkillIds } from "./skill-names.ts";
import { operationsOf } from "./tenant-prices.ts";

/** Counter of a tenant's agents. */

/** Makes the next version of a row, and says which fields were set. */
export interface Change<Row> {
  readonly set: object;
  next(row: Row, at: string): Row;
}

/** Names a sub-agent. */
export interface SubAgentIds {
  readonly agent: string;
  readonly subAgent: string;
}

/** Agents of all tenants. `ifMatch` is the version a change must be made from. */
export interface AgentOperations {
  create(
    caller: Caller,
    input: AgentInput,
    key: OnceKey | null,
    origin?: AgentOrigin,
  ): Promise<Paid<AgentRow>>;
  /** @throws NOT_FOUND. */
  get(tenant: string, id: string): Promise<AgentRow>;
  /** `total`: all there are, whatever is asked for. @throws INVALID, CONFLICT as `listRows`. */
  list(
    tenant: string,
    request: Omit<ListRequest, "list">,
  ): Promise<Page<AgentRow> & { readonly total: number }>;
  update(
    caller: Caller,
    id: string,
    change: Change<AgentRow>,
    ifMatch: number | null,
  ): Promise<Paid<AgentRow>>;
  /** Removes it and its sub-agents. */
  remove(caller: Caller, id: string, ifMatch: number | null): Promise<AgentRow>;
}

/** Sub-agents of all tenants. */
export interface SubAgentOperations {
  createSubAgent(
    caller: Caller,
    agent: string,
    input: SubAgentInput,
    key: OnceKey | null,
  ): Promise<Paid<SubAgentRow>>;
  subAgent(tenant: string, agent: string, id: string): Promise<SubAgentRow>;
  /** All of an agent, in order of creation. */
  subAgents(tenant: string, agent: string): Promise<readonly SubAgentRow[]>;
  updateSubAgent(
    caller: Caller,
    ids: SubAgentIds,
    change: Change<SubAgentRow>,
    ifMatch: number | null,
  ): Promise<Paid<SubAgentRow>>;
  removeSubAgent(caller: Caller, ids: SubAgentIds, ifMatch: number | null): Promise<void>;
}

/** Both together. */
export type AgentService = AgentOperations & SubAgentOperations;

/** Under which service an agent's graph alone is changed. */
const graphService = "core-agent-graph";

/** What the server does by its own configuration costs nobody anything. */
const chargeBy = ({ service }: Caller, micros: Parameters<typeof chargeOf>[0]) =>
  service === FILES_BY ? noCharge : chargeOf(micros);

/** The service over a system's tables. */
export function createAgentService(
  options: AgentServiceOptions,
  store: AgentStore = createAgentStore(options),
): AgentService {
  return { ...agentOperations(store, options), ...subAgentOperations(store, options) };
}

function agentOperations(store: AgentStore, options: AgentServiceOptions): AgentOperations {
  const { index, serial, usersOf, nowMs } = options;
  const { tables } = options.system;
  return {
    create: async (caller, input, key, origin = null) => {
      const charge = chargeBy(caller, (await operationsOf(options, caller.tenant)).createAgent);
      let balanceMicros: number | null = null;
      const made = await once<AgentRow>({ tables, ...caller }, key, nowMs(), async (remember) => {
        const place = store.placeOf(caller.tenant);
        const at = new Date(nowMs()).toISOString();
        const row = await withSkillIds(place, newAgent(input, newId("ag", nowMs()), at, origin));
        await checkAgent(place, row, input);
        const counted: TableWrite = { type: "add", counter: agentsCounter, delta: 1 };
        const limits = await readLimits(tables, caller.tenant, options.tenantLimits);
        const room = roomWrite("agents", -1, limits);
        const more = [counted, room, ...remember(row)];
        balanceMicros = await store
          .commit(caller, { from: null, row, more, charge })
          .catch(refusedByLimit("agents", limits));
        return row;
      });
      return await store.paidOnce(caller, { ...made, charge, balanceMicros });
    },

    get: async (tenant, id) => (await store.load(tenant, id)).row,

    list: async (tenant, request) => {
      const [{ items, next }, total] = await Promise.all([
        listRows({ tables, index, listing: agentListing }, tenant, request),
        request.only === undefined
          ? tables.counter(tenant, agentsCounter)
          : countNamed(tables, { tenant, table: agentTables.agents }, request.only),
      ]);
      return { items: items.map(({ value }) => value as AgentRow), next, total };
    },

    update: (caller, id, change, ifMatch) =>
      store.changing(caller, id, ifMatch, async (from, at) => {
        const place = store.placeOf(caller.tenant);
        const next = change.next(from.row, at);
        const row = "skills" in change.set ? await withSkillIds(place, next) : next;
        await checkAgent(place, row, change.set as Record<string, unknown>);
        const isGraph = caller.service === graphService;
        const operations = await operationsOf(options, caller.tenant);
        const charge = chargeBy(caller, isGraph ? operations.updateGraph : operations.updateAgent);
        const balanceMicros = await store.commit(caller, { from, row, more: [], charge });
        return { value: row, charge, balanceMicros };
      }),

    remove: (caller, id, ifMatch) =>
      store.changing(caller, id, ifMatch, async ({ row, revision }) => {
        const { agents, subAgents } = agentTables;
        // Versions stay: runs that were started with one finish on it.
        const writes: readonly TableWrite[] = [
          { type: "remove", table: agents, id, revision },
          ...row.subAgents.map(({ key }) => remove(subAgents, key)),
          { type: "add", counter: agentsCounter, delta: -1 },
          roomWrite("agents", 1),
        ];
        const { tenant } = caller;
        // Nothing that is stored meanwhile names it.
        await serial.run(lockOf(tenant), async () => {
          refuseUsed(`Agent ${id}`, await usersOf(tenant, id), caller);
          await tables.write(tenant, writes).finally(() => index.changed(tenant, agents, id));
        });
        return row;
      }),
  };
}

function subAgentOperations(store: AgentStore, options: AgentServiceOptions): SubAgentOperations {
  const { nowMs } = options;
  const { tables } = options.system;
  return {
    createSubAgent: async (caller, agent, input, key) => {
      const charge = chargeBy(caller, (await operationsOf(options, caller.tenant)).createSubAgent);
      let balanceMicros: number | null = null;
      const place = { tables, tenant: caller.tenant, service: `${caller.service}/${agent}` };
      const made = await once<SubAgentRow>(place, key, nowMs(), (remember) =>
        store.changing(caller, agent, null, async (from, at) => {
          checkRoom(from.row);
          const keys = { agent, subAgent: newId("sa", nowMs()) };
          const place = placeIn(store, caller, from.row);
          const sub = await withSubSkillIds(place, newSubAgent(input, keys, at));
          await checkSubAgent(place, sub.subAgent, input);
          const row = withSubAgent(from.row, keys.subAgent, sub, at);
          const more = [...subAgentRows(sub).map(put), ...remember(sub)];
          balanceMicros = await store.commit(caller, { from, row, more, charge });
          return sub;
        }),
      );
      return await store.paidOnce(caller, { ...made, charge, balanceMicros });
    },

    subAgent: async (tenant, agent, id) => {
      const { row } = await store.load(tenant, agent);
      return await store.loadSub(tenant, row, id);
    },

    subAgents: async (tenant, agent) => {
      const { row } = await store.load(tenant, agent);
      return await readAll(
        row.subAgents.map(
          ({ key }) =>
            () =>
              store.loadSub(tenant, row, key),
        ),
      );
    },

    updateSubAgent: (caller, ids, change, ifMatch) =>
      store.changing(caller, ids.agent, null, async (from, at) => {
        const before = await store.loadSub(caller.tenant, from.row, ids.subAgent);
        checkMatch(ifMatch, before.version);
        const next = change.next(before, at);
        const place = placeIn(store, caller, from.row);
        const sub = "skills" in change.set ? await withSubSkillIds(place, next) : next;
        await checkSubAgent(place, sub.subAgent, change.set as Record<string, unknown>);
        const row = withSubAgent(from.row, ids.subAgent, sub, at);
        const charge = chargeBy(
          caller,
          (await operationsOf(options, caller.tenant)).updateSubAgent,
        );
        const more = subAgentRows(sub).map(put);
        const balanceMicros = await store.commit(caller, { from, row, more, charge });
        return { value: sub, charge, balanceMicros };
      }),

    removeSubAgent: (caller, ids, ifMatch) =>
      store.changing(caller, ids.agent, null, async (from, at) => {
        const before = await store.loadSub(caller.tenant, from.row, ids.subAgent);
        checkMatch(ifMatch, before.version);
        checkUnused(from.row, before.subAgent);
        const row = withSubAgent(from.row, ids.subAgent, null, at);
        const more = [remove(agentTables.subAgents, ids.subAgent)];
        await store.commit(caller, { from, row, more, charge: noCharge });
      }),
  };
}

/** Where a sub-agent of this agent is checked. */
function placeIn(store: AgentStore, { tenant }: Caller, { agent, subAgents }: AgentRow) {
  const hasMemory = agent.memory?.type === "vector_db";
  return { ...store.placeOf(tenant), subAgents: subAgents.map(({ key }) => key), hasMemory };
}

/** Rows read at the same time, so that a large agent does not hold the door. */
const READS_AT_ONCE = 100;

async function readAll<T>(reads: readonly (() => Promise<T>)[]): Promise<readonly T[]> {
  const all: T[] = [];
  for (let at = 0; at < reads.length; at += READS_AT_ONCE) {
    const some = reads.slice(at, at + READS_AT_ONCE).map((read) => read());
    all.push(...(await Promise.all(some)));
  }
  return all;
}

function remove(table: string, id: string): TableWrite {
  return { type: "remove", table, id };
}

function checkRoom(row: AgentRow): void {
  if (row.subAgents.length < agentLimits.subAgents) return;
  throw new RuntimeError("CONFLICT", `An agent has at most ${agentLimits.subAgents} sub-agents.`);
}

// A graph that names a sub-agent which is gone could not run.
function checkUnused(row: AgentRow, subAgent: SubAgent): void {
  const { sub_agent_key: key } = subAgent;
  const user = Object.entries(agentLinks(row)).find(([, id]) => id === key)?.[0];
  if (user !== undefined) {
    const text = `${user} of the agent names ${key}; change that first.`;
    throw new RuntimeError("CONFLICT", text);
  }
}
