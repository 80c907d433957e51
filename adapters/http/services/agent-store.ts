// Agents in the tenant's tables: loading them and committing their next versions. A change is one
// write that holds the new version, the charge and the ledger row, on condition of the revision it
// was made from; changes of one agent wait for each other, so that none is lost.

import { agentVersionRow, type RowChange } from "../../../actors/agent-change.ts";
import type { Prices } from "../../../actors/money/catalogue.ts";
import {
  type AgentRow,
  agentTables,
  type SubAgentRow,
  type VersionReason,
} from "../../../actors/records/agent-version.ts";
import type { AuditSource } from "../../../actors/records/audit.ts";
import { balanceCounter, type Charge } from "../../../actors/records/conversation.ts";
import { noCharge, unitsOf } from "../../../actors/records/price.ts";
import type { AllowedResources } from "../../../actors/records/resource-scope.ts";
import type { TenantLimits } from "../../../actors/records/tenant-limits.ts";
import type { FolderGrant } from "../../../actors/tools/folders.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import type { System, Tables, TableWrite } from "../../../runtime/system.ts";
import { createSerial, type Serial } from "../../serial.ts";
import { checkExists, checkVersionExists } from "../resources/resource-rules.ts";
import type { AgentCheckPlace, CheckPlace } from "./agent-checks.ts";
import { heldAfter, newlyHeld } from "./agent-held.ts";
import { historyWrites } from "./agent-history.ts";
import { agentLinks } from "./agent-listing.ts";
import { budgetWrites, chargesFor, inBudgets } from "./charges.ts";
import { balanceOf, chargeWrites } from "./money.ts";
import { refuseFileAgent } from "./orchestrated-by.ts";
import type { RecordIndex } from "./record-index.ts";
import { lockOf, type RecordUser } from "./record-links.ts";

/** Who changes something, for the ledger. */
export interface Caller {
  readonly tenant: string;
  readonly keyId: string | null;
  readonly service: string;
  /** Who acts and from where, where it is told by an actor. */
  readonly source?: AuditSource;
  /** Of the key, within its tenant; "server" of the server's own; absent: not known. */
  readonly role?: string;
  /** What its key reaches; null or absent: everything. */
  readonly allowedResources?: AllowedResources | null;
  /** The user whom alone it speaks for; null or absent: it may speak for any. */
  readonly boundTo?: string | null;
}

/** What a paid operation gave and cost. */
export interface Paid<T> {
  readonly value: T;
  readonly charge: Charge;
  readonly balanceMicros: number;
}

/** What the agent service works with. */
export interface AgentServiceOptions {
  readonly system: System;
  /** Told of every write of an agent. */
  readonly index: RecordIndex;
  /** Changes of records that name others, shared by all services. */
  readonly serial: Serial;
  /** Records of every kind that name one. */
  usersOf(tenant: string, id: string): Promise<readonly RecordUser[]>;
  readonly prices: Prices;
  /** Of tenants that have none of their own. Default: none. */
  readonly tenantLimits?: TenantLimits;
  /** Folders that the operator granted. Default: none. */
  readonly folders?: readonly FolderGrant[] | undefined;
  /** Milliseconds since the epoch. */
  nowMs(): number;
}

/** An agent as read, with the revision a change of it is conditional on. */
export interface Loaded {
  readonly row: AgentRow;
  readonly revision: string;
}

/** The next version of an agent and what is committed with it. */
export interface AgentChange {
  readonly from: Loaded | null;
  readonly row: AgentRow;
  /** The version that is made, when it is not the current row. */
  readonly version?: AgentRow;
  /** Default: "created" or "changed". */
  readonly reason?: VersionReason;
  readonly restored?: number;
  readonly more: readonly TableWrite[];
  readonly charge: Charge;
}

/** Reads and conditional writes of agents. */
export interface AgentStore {
  /** @throws NOT_FOUND. */
  load(tenant: string, id: string): Promise<Loaded>;
  /** A sub-agent of this agent. @throws NOT_FOUND. */
  loadSub(tenant: string, agent: AgentRow, id: string): Promise<SubAgentRow>;
  /** Commits a change; returns the balance after it in millionths. */
  commit(caller: Caller, change: AgentChange): Promise<number>;
  /** One change of an agent at a time, from its current row. */
  changing<T>(
    caller: Caller,
    id: string,
    ifMatch: number | null,
    change: (from: Loaded, at: string) => Promise<T>,
  ): Promise<T>;
  placeOf(tenant: string): AgentCheckPlace;
  /** What a repeatable creation cost: an earlier result was paid for when it was made. */
  paidOnce<Row>(caller: Caller, made: Made<Row>): Promise<Paid<Row>>;
}

/** Outcome of a creation; `balanceMicros` null when it is an earlier one's. */
export interface Made<Row> {
  readonly result: Row;
  readonly isRepeat: boolean;
  readonly charge: Charge;
  readonly balanceMicros: number | null;
}

const AGENT_ID = /^ag_[A-Za-z0-9]{1,61}$/;
const SUB_AGENT_ID = /^sa_[A-Za-z0-9]{1,61}$/;

/** The store over a system's tables. */
export function createAgentStore(options: AgentServiceOptions): AgentStore {
  const { system, index, folders = [], nowMs } = options;
  const { tables } = system;
  const serial = createSerial();
  const load = async (tenant: string, id: string): Promise<Loaded> => {
    const found = AGENT_ID.test(id) ? await tables.get(tenant, agentTables.agents, id) : undefined;
    if (found === undefined) throw unknown("Agent", id);
    return { row: found.value as AgentRow, revision: found.revision };
  };
  return {
    load,
    loadSub: async (tenant, agent, id) => {
      const isOwn = SUB_AGENT_ID.test(id) && agent.subAgents.some((entry) => entry.key === id);
      const found = isOwn ? await tables.get(tenant, agentTables.subAgents, id) : undefined;
      if (found === undefined) throw unknown("Sub-agent", id);
      return found.value as SubAgentRow;
    },
    commit: async (caller, change) => {
      const { from, more, charge, restored } = change;
      const before = from?.row ?? null;
      const held = await heldAfter(tables, caller.tenant, {
        ...{ from: before, to: change.row, draft: change.version ?? null, restored },
      });
      const { held: _, ...made } = change.row;
      const row: AgentRow = held.length === 0 ? made : { ...made, held };
      const version = change.version ?? row;
      const current: TableWrite = {
        type: "put-if",
        table: agentTables.agents,
        id: row.agent.agent_key,
        value: row,
        revision: from?.revision ?? null,
      };
      const agentId = row.agent.agent_key;
      const paid = chargeWrites(charge, { ...caller, agentId, nowMs: nowMs() });
      const entry = {
        version: version.version,
        at: version.agent.updated_at,
        reason: change.reason ?? (from === null ? "created" : "changed"),
        ...(restored === undefined ? {} : { restored }),
      } as const;
      const history = await historyWrites(tables, {
        ...{ tenant: caller.tenant, from: before, to: row, entry, nowMs: nowMs() },
      });
      const place = { tables, nowMs };
      const lines = await linesOf(place, caller, from === null ? "" : agentId, charge);
      const rows = [current, put(agentVersionRow(version)), ...history, ...more];
      const writes = [...rows, ...paid, ...budgetWrites(lines, charge.micros)];
      const write = (): ReturnType<Tables["write"]> =>
        tables
          .write(caller.tenant, writes)
          .catch(inBudgets(place, { tenant: caller.tenant, lines, micros: charge.micros }))
          .catch(inMoney(charge))
          // A write that failed may be there even so.
          .finally(() => index.changed(caller.tenant, agentTables.agents, row.agent.agent_key));
      const links = [...newLinks(before, version), ...newlyHeld(before, held)];
      const { counters } = await (links.length === 0
        ? write()
        : options.serial.run(lockOf(caller.tenant), async () => {
            await checkLinks({ tables, tenant: caller.tenant }, links);
            return await write();
          }));
      return counters[balanceCounter] ?? (await balanceOf(system, caller.tenant));
    },
    changing: (caller, id, ifMatch, change) =>
      serial.run(`${caller.tenant}/${id}`, async () => {
        const from = await load(caller.tenant, id);
        await refuseFileAgent(tables, caller, from.row);
        checkMatch(ifMatch, from.row.version);
        return await change(from, new Date(nowMs()).toISOString());
      }),
    placeOf: (tenant) => ({ tables, tenant, folders }),
    paidOnce: async (caller, { result, isRepeat, charge, balanceMicros }) => ({
      value: result,
      charge: isRepeat ? noCharge : charge,
      balanceMicros: balanceMicros ?? (await balanceOf(system, caller.tenant)),
    }),
  };
}

/** The budgets that an operation counts for. `agent`: empty for one that is not there yet. */
async function linesOf(
  place: Parameters<typeof chargesFor>[0],
  { tenant, keyId }: Caller,
  agent: string,
  { micros }: Charge,
): Promise<Awaited<ReturnType<typeof chargesFor>>> {
  if (micros === 0) return [];
  return await chargesFor(place, { tenant, keyId, agent, conversation: null });
}

/** What a version names that the one before does not, beside its own sub-agents. */
function newLinks(from: AgentRow | null, row: AgentRow): readonly (readonly [string, string])[] {
  const before = from === null ? [] : Object.values(agentLinks(from));
  return Object.entries(agentLinks(row)).filter(
    ([, link]) => !link.startsWith("sa_") && !before.includes(link),
  );
}

/** @throws INVALID with the pointer of one that does not exist. */
async function checkLinks(
  place: CheckPlace,
  links: readonly (readonly [string, string])[],
): Promise<void> {
  for (const [pointer, link] of links) {
    const [id = "", version] = link.split("@", 2);
    await checkExists(place, id, { prefixes: [id.slice(0, 2)], pointer });
    if (version !== undefined) await checkVersionExists(place, id, { version, pointer });
  }
}

/** A row as a write. */
export function put(change: RowChange): TableWrite {
  return { type: "put", ...change };
}

/** @throws REVISION_MISMATCH when a change must be made from another version. */
export function checkMatch(ifMatch: number | null, version: number): void {
  if (ifMatch === null || ifMatch === version) return;
  throw new RuntimeError(
    "REVISION_MISMATCH",
    `If-Match names version ${ifMatch}, the current one is ${version}.`,
  );
}

/** A refused charge in words of money. */
function inMoney(charge: Charge): (error: unknown) => never {
  return (error) => {
    if (!(error instanceof RuntimeError && error.code === "BALANCE_EXHAUSTED")) throw error;
    // Another counter than that of money: whoever asked for it knows what it means.
    if (![undefined, balanceCounter].includes(error.details?.["counter"] as string)) throw error;
    const amount = unitsOf(charge.micros);
    const message = `The balance does not cover this operation, which costs ${amount}.`;
    throw new RuntimeError("BALANCE_EXHAUSTED", message, {}, { cause: error });
  };
}

function unknown(what: string, id: string): RuntimeError {
  return new RuntimeError("NOT_FOUND", `${what} ${id.slice(0, 64)} does not exist.`);
}
