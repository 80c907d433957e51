// Agents in a pack, each with its sub-agents: one version of the agent, whatever of it changes. What was
// added to it by hand (other sub-agents, a canary) stays.

import {
  agentFields,
  newAgent,
  newSubAgent,
  replaceAgent,
  replaceSubAgent,
  subAgentEntry,
  subAgentRows,
} from "../../../actors/agent-change.ts";
import { type AgentInput, agentInput } from "../../../actors/records/agent.ts";
import {
  type AgentRow,
  agentTables,
  type SubAgentRow,
} from "../../../actors/records/agent-version.ts";
import type { Charge } from "../../../actors/records/conversation.ts";
import { chargeOf, noCharge } from "../../../actors/records/price.ts";
import { type SubAgentInput, subAgentInput } from "../../../actors/records/sub-agent.ts";
import { type TSchema, Type } from "../../../actors/schema.ts";
import { shownUses } from "../../../actors/tools/secret-headers.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import type { TableWrite } from "../../../runtime/system.ts";
import { type CheckPlace, checkAgent, checkSubAgent } from "../../http/services/agent-checks.ts";
import { put } from "../../http/services/agent-store.ts";
import { isSame } from "../../http/services/same.ts";
import { withSkillIds, withSubSkillIds } from "../../http/services/skill-names.ts";
import { operationsOf } from "../../http/services/tenant-prices.ts";
import type { Draft, Fields, Known, Made, PackKind, Wanted } from "./kind.ts";
import { objectName } from "./object-name.ts";
import { goneIsNull } from "./resource.ts";

const { properties } = subAgentInput as unknown as { properties: Record<string, TSchema> };
const partInput = Type.Object({ key: objectName, ...properties }, { additionalProperties: false });
const input = {
  ...agentInput,
  properties: { ...agentInput.properties, sub_agents: Type.Array(partInput, { maxItems: 500 }) },
} as TSchema;

const subFields = Object.keys(properties);

/** Agents. */
export const agentsKind: PackKind = {
  section: "agents",
  name: "agent",
  prefix: "ag",
  input,
  parts: "sub_agents",
  partPrefix: "sa",
  canBeBare: true,
  create: (draft, wanted) => {
    const id = draft.newId("ag", wanted.name);
    return store(draft, wanted, { id, parts: {} }, null);
  },
  change: async (draft, wanted, known) => {
    const { tenant } = draft.caller;
    return await store(draft, wanted, known, await draft.agentStore.load(tenant, known.id));
  },
  remove: async (draft, { id }) => {
    await draft.agents.remove(draft.caller, id, null);
  },
  read: async (draft, known) => {
    const { tenant } = draft.caller;
    const loaded = await draft.agentStore.load(tenant, known.id).catch(goneIsNull);
    return loaded === null ? null : await madeOf(draft, loaded.row, known.parts);
  },
  partsOf: async (draft, id) => {
    const { tenant } = draft.caller;
    const { row } = await draft.agentStore.load(tenant, id);
    const parts: Record<string, string> = {};
    for (const { key: sa } of row.subAgents) {
      const { subAgent } = await draft.agentStore.loadSub(tenant, row, sa);
      parts[nameFor(subAgent.name, Object.keys(parts))] = sa;
    }
    return parts;
  },
};

/** A name for an object in a file, from what it is called, that is not taken. */
export function nameFor(title: string, taken: readonly string[]): string {
  const word = title
    .normalize("NFKD")
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "")
    .slice(0, 48);
  const base = word === "" ? "object" : word;
  for (let at = 1; ; at += 1) {
    const name = at === 1 ? base : `${base}-${at}`;
    if (!taken.includes(name)) return name;
  }
}

type Loaded = Awaited<ReturnType<Draft["agentStore"]["load"]>>;
type Part = Fields & { readonly key: string };

async function store(
  draft: Draft,
  { name, fields }: Wanted,
  known: Known,
  from: Loaded | null,
): Promise<Made> {
  const { caller, at, agentStore } = draft;
  const { sub_agents: list, ...own } = fields as Fields & { sub_agents?: readonly Part[] };
  const set = withCanaryOf(own as AgentInput, from?.row ?? null);
  const rows = agentStore.placeOf(caller.tenant);
  const next = from === null ? newAgent(set, known.id, at) : replaceAgent(from.row, set, at);
  const head = await withSkillIds(rows, next);
  const parts = new Map<string, SubAgentRow>();
  const before = await subAgentsOf(draft, from?.row ?? null);
  const changed: SubAgentRow[] = [];
  for (const [place, part] of (list ?? []).entries()) {
    const { key: partKey, ...sent } = part;
    const id = known.parts[partKey] ?? draft.newId("sa", `${name}/${partKey}`);
    const old = before.get(id) ?? null;
    const of = { agent: known.id, subAgent: id };
    const made = await subAgentAfter(rows, sent as SubAgentInput, { ...of, old, at }).catch(
      (error) => rethrow(error, place),
    );
    if (made !== old) changed.push(made);
    parts.set(partKey, made);
  }
  const gone = Object.entries(known.parts)
    .filter(([partKey, id]) => !parts.has(partKey) && before.has(id))
    .map(([, id]) => id);
  const row = { ...head, subAgents: entriesOf(from?.row ?? null, [...parts.values()], gone) };
  const ids = Object.fromEntries([...parts].map(([one, sub]) => [one, sub.subAgent.sub_agent_key]));
  if (from !== null && changed.length === 0 && gone.length === 0 && isSameAgent(from.row, row)) {
    return await madeOf(draft, from.row, ids);
  }
  await checkAgent(rows, row, { ...own });
  const place = {
    ...rows,
    subAgents: row.subAgents.map((entry) => entry.key),
    hasMemory: row.agent.memory?.type === "vector_db",
  };
  for (const sub of changed) {
    const index = [...parts.values()].indexOf(sub);
    const { key: _, ...sent } = list?.[index] ?? { key: "" };
    await checkSubAgent(place, sub.subAgent, sent).catch((error) => rethrow(error, index));
  }
  const more: readonly TableWrite[] = [
    ...changed.flatMap((sub) => subAgentRows(sub).map(put)),
    ...gone.map((id): TableWrite => ({ type: "remove", table: agentTables.subAgents, id })),
    ...(from === null ? [{ type: "add", counter: "agents", delta: 1 } as const] : []),
  ];
  const made = changed.filter((sub) => !before.has(sub.subAgent.sub_agent_key)).length;
  const charge = await chargeFor(draft, from, { made, changed: changed.length - made });
  await agentStore.commit(caller, { from, row, more, charge });
  return await madeOf(draft, row, ids);
}

/** What an agent and its sub-agents cost one by one. */
async function chargeFor(
  draft: Draft,
  from: Loaded | null,
  subAgents: { readonly made: number; readonly changed: number },
): Promise<Charge> {
  const { createAgent, updateAgent, createSubAgent, updateSubAgent } = await operationsOf(
    { system: draft, prices: draft.prices, nowMs: () => Date.parse(draft.at) },
    draft.caller.tenant,
  );
  const own = from === null ? createAgent : updateAgent;
  const micros = own + subAgents.made * createSubAgent + subAgents.changed * updateSubAgent;
  return micros === 0 ? noCharge : chargeOf(micros);
}

async function subAgentAfter(
  rows: CheckPlace,
  sent: SubAgentInput,
  of: {
    readonly agent: string;
    readonly subAgent: string;
    readonly old: SubAgentRow | null;
    readonly at: string;
  },
): Promise<SubAgentRow> {
  const { old, at } = of;
  if (old === null) return await withSubSkillIds(rows, newSubAgent(sent, of, at));
  const next = await withSubSkillIds(rows, replaceSubAgent(old, sent, at));
  const { updated_at: _, ...now } = next.subAgent;
  const { updated_at: __, ...was } = old.subAgent;
  return isSame({ tools: null, skills: null, ...was }, now) ? old : next;
}

/** Those that stay in their order, and the new ones. */
function entriesOf(
  from: AgentRow | null,
  parts: readonly SubAgentRow[],
  gone: readonly string[],
): AgentRow["subAgents"] {
  const made = new Map(parts.map((sub) => [sub.subAgent.sub_agent_key, subAgentEntry(sub)]));
  const kept = (from?.subAgents ?? []).filter((entry) => !gone.includes(entry.key));
  const before = kept.map((entry) => made.get(entry.key) ?? entry);
  const known = new Set(kept.map((entry) => entry.key));
  return [...before, ...[...made.values()].filter((entry) => !known.has(entry.key))];
}

function isSameAgent(left: AgentRow, right: AgentRow): boolean {
  const said = ({ agent }: AgentRow): Fields =>
    Object.fromEntries(agentFields.map((name) => [name, agent[name] ?? null]));
  return isSame(said(left), said(right));
}

/** A canary names versions of this tenant's agent: it is no business of a pack. */
function withCanaryOf(set: AgentInput, from: AgentRow | null): AgentInput {
  if (set.agent_config?.canary !== undefined) {
    const text = "A canary is set on the agent, not in a pack.";
    throw new RuntimeError("INVALID", text, { pointer: "/agent_config/canary" });
  }
  const canary = from?.agent.agent_config?.canary;
  if (canary === undefined) return set;
  return { ...set, agent_config: { ...set.agent_config, canary } };
}

async function subAgentsOf(
  { agentStore, caller }: Draft,
  row: AgentRow | null,
): Promise<ReadonlyMap<string, SubAgentRow>> {
  const all = new Map<string, SubAgentRow>();
  for (const { key: id } of row?.subAgents ?? []) {
    if (row !== null) all.set(id, await agentStore.loadSub(caller.tenant, row, id));
  }
  return all;
}

async function madeOf(
  { agentStore, caller }: Draft,
  row: AgentRow,
  parts: Readonly<Record<string, string>>,
): Promise<Made> {
  const { agent } = row;
  const { canary: _, ...config } = agent.agent_config ?? {};
  const own = Object.fromEntries(
    agentFields.filter((name) => agent[name] != null).map((name) => [name, agent[name]]),
  );
  const subs: Fields[] = [];
  const there: Record<string, string> = {};
  for (const [partKey, id] of Object.entries(parts)) {
    if (!row.subAgents.some((entry) => entry.key === id)) continue;
    const { subAgent } = await agentStore.loadSub(caller.tenant, row, id);
    const said = subFields.filter((name) => subAgent[name as keyof typeof subAgent] != null);
    const shown = said.map((name) => [name, subAgent[name as keyof typeof subAgent]]);
    const tools = subAgent.tools == null ? {} : { tools: shownUses(subAgent.tools) };
    subs.push({ key: partKey, ...Object.fromEntries(shown), ...tools });
    there[partKey] = id;
  }
  const fields = {
    ...own,
    ...(agent.tools == null ? {} : { tools: shownUses(agent.tools) }),
    ...(Object.keys(config).length === 0 ? {} : { agent_config: config }),
    ...(subs.length === 0 ? {} : { sub_agents: subs }),
  } as Record<string, unknown>;
  if (Object.keys(config).length === 0) delete fields["agent_config"];
  delete fields["agent_type"];
  return { id: agent.agent_key, version: row.version, fields, parts: there };
}

/** Refusals of a sub-agent as those of its agent. */
function rethrow(error: unknown, place: number): never {
  if (!(error instanceof RuntimeError)) throw error;
  const inner = error.details?.["pointer"];
  const pointer = `/sub_agents/${place}${typeof inner === "string" ? inner : ""}`;
  throw new RuntimeError(error.code, error.message, { pointer }, { cause: error });
}
