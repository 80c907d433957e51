// Loads the sample through the same services as the API: tenant, balance, collection, agents, key.
// Each step is noted when it is done, so that a start that was cut goes on where it stopped, and a
// sample that was loaded once and then changed or deleted by its owner is left alone.

import type { AgentInput } from "../../../actors/records/agent.ts";
import type { SubAgentInput } from "../../../actors/records/sub-agent.ts";
import {
  sampleCollectionName,
  sampleSubAgents,
  sampleSupervisor,
  sampleTenantName,
} from "./agents.ts";
import { type Page, readPages } from "./pages.ts";

interface Caller {
  readonly tenant: string;
  readonly keyId: null;
  readonly service: string;
}

interface Once {
  readonly key: string;
  readonly bodyHash: string;
}

/** What the loader works with: the services of the API, and the small files of the data folder. */
export interface SampleParts {
  readonly agents: {
    create(
      caller: Caller,
      input: AgentInput,
      once: Once,
    ): Promise<{ readonly value: { readonly agent: { readonly agent_key: string } } }>;
    createSubAgent(
      caller: Caller,
      agent: string,
      input: SubAgentInput,
      once: Once,
    ): Promise<unknown>;
  };
  readonly knowledge: {
    create(tenant: string, input: { readonly name: string }): Promise<{ readonly id: string }>;
    add(
      tenant: string,
      collection: string,
      sources: readonly PageSource[],
      how: {
        readonly once: Once | null;
        readonly waitMs: number;
        readonly signal: AbortSignal;
      },
    ): Promise<{ readonly status: string }>;
  };
  readonly accounts: {
    tenant(id: string): Promise<unknown>;
    createTenant(input: { readonly name: string; readonly id: string }): Promise<unknown>;
    createKey(
      tenant: string,
      input: { readonly name: string; readonly allowed_services: string[] },
    ): Promise<{ readonly key: string }>;
  };
  /** Raises the tenant's balance to at least this many millionths. */
  fillBalance(tenant: string, micros: number): Promise<void>;
  read(name: string): Promise<string | null>;
  write(name: string, text: string): Promise<void>;
}

interface PageSource extends Omit<Page, "text"> {
  readonly kind: "text";
  readonly bytes: Uint8Array;
}

/** The sample as it is used. */
export interface Sample {
  readonly tenant: string;
  readonly agent: string;
  readonly key: string;
}

/** The sample's tenant. */
export const sampleTenant = "tn_sample";

/** What the sample's key may do: chat and look at its conversations, on this tenant only. */
export const sampleServices = [
  "core-agent-chat",
  "core-agents",
  "core-agent-conversations",
  "core-agent-conversation-details",
  "chat-completions",
  "models",
  "runs",
];

const STATE_FILE = "sample.json";
const KEY_FILE = "sample-key";
const AGENT_FILE = "sample-agent";
/** 1,000 units: a million chats at the price table's price. */
const BALANCE_MICROS = 1_000_000_000;
/** Longest wait for the pages, ms. */
const PAGES_MS = 60_000;

interface State {
  collection?: string;
  hasPages?: boolean;
  agent?: string;
  subAgents?: number;
  isDone?: boolean;
}

/** The sample of this data folder, or null when it has none or it is not complete. */
export async function findSample(parts: Pick<SampleParts, "read">): Promise<Sample | null> {
  const [state, key] = await Promise.all([readState(parts), parts.read(KEY_FILE)]);
  if (!state?.isDone || !state.agent || key === null) return null;
  return { tenant: sampleTenant, agent: state.agent, key: key.trim() };
}

/** Loads the sample, or what is missing of it when an earlier load was cut. */
export async function loadSample(parts: SampleParts): Promise<Sample> {
  const state = (await readState(parts)) ?? {};
  const save = (change: State): Promise<void> =>
    parts.write(STATE_FILE, `${JSON.stringify(Object.assign(state, change))}\n`);
  if (!(await parts.accounts.tenant(sampleTenant))) {
    await parts.accounts.createTenant({ id: sampleTenant, name: sampleTenantName });
  }
  await parts.fillBalance(sampleTenant, BALANCE_MICROS);
  const collection = state.collection ?? (await makeCollection(parts));
  if (!state.collection) await save({ collection });
  if (!state.hasPages) await ingestPages(parts, collection).then(() => save({ hasPages: true }));
  const agent = state.agent ?? (await makeAgent(parts, collection));
  if (!state.agent) await save({ agent });
  for (const [at, { input, isGrounded }] of sampleSubAgents.entries()) {
    if (at < (state.subAgents ?? 0)) continue;
    const full = isGrounded ? { ...input, collection_key: collection } : input;
    const caller = callerFor("core-agent-subagent-create");
    await parts.agents.createSubAgent(caller, agent, full, onceFor(`sub-agent-${at}`));
    await save({ subAgents: at + 1 });
  }
  const key = await keyOf(parts);
  await parts.write(AGENT_FILE, `${agent}\n`);
  await save({ isDone: true });
  return { tenant: sampleTenant, agent, key };
}

async function readState(parts: Pick<SampleParts, "read">): Promise<State | null> {
  const text = await parts.read(STATE_FILE);
  return text === null ? null : (JSON.parse(text) as State);
}

async function makeCollection(parts: SampleParts): Promise<string> {
  return (await parts.knowledge.create(sampleTenant, { name: sampleCollectionName })).id;
}

/** A job that was under way when the server stopped goes on by itself. */
async function ingestPages(parts: SampleParts, collection: string): Promise<void> {
  const sources = (await readPages()).map(
    ({ text, ...page }): PageSource => ({ ...page, kind: "text", bytes: Buffer.from(text) }),
  );
  const signal = AbortSignal.timeout(2 * PAGES_MS);
  const once = onceFor("pages");
  const how = { once, waitMs: PAGES_MS, signal };
  const { status } = await parts.knowledge.add(sampleTenant, collection, sources, how);
  if (status !== "completed") throw new Error(`The sample's pages are ${status}.`);
}

async function makeAgent(parts: SampleParts, collection: string): Promise<string> {
  const input = { ...sampleSupervisor, collection_ids: [collection] };
  const caller = callerFor("core-agent-create");
  return (await parts.agents.create(caller, input, onceFor("agent"))).value.agent.agent_key;
}

async function keyOf(parts: SampleParts): Promise<string> {
  const kept = (await parts.read(KEY_FILE))?.trim();
  if (kept) return kept;
  const input = { name: "Sample", allowed_services: sampleServices };
  const { key } = await parts.accounts.createKey(sampleTenant, input);
  await parts.write(KEY_FILE, `${key}\n`);
  return key;
}

function callerFor(service: string): Caller {
  return { tenant: sampleTenant, keyId: null, service };
}

/** A step that was done but not noted before a crash is recognised. */
function onceFor(step: string): Once {
  return { key: `sample-${step}`, bodyHash: `sample-${step}` };
}
