// Memories behind the routes: what an agent keeps of its users, and the search of their history. The
// agent of a request must be of the tenant; its settings say where an entry lies and how much fits.

import type { MemoryChange, MemoryFilter, MemoryStore } from "../../../actors/memory/store.ts";
import type { Agent } from "../../../actors/records/agent.ts";
import {
  type FoundMessage,
  type MemoryEntry,
  memoryBounds,
  type memoryInput,
  memoryLimits,
  memorySettings,
} from "../../../actors/records/memory.ts";
import type { Static } from "../../../actors/schema.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import { newId } from "../../../runtime/id.ts";
import type { System } from "../../../runtime/system.ts";
import type { Caller } from "./agent-store.ts";
import type { AgentService } from "./agents.ts";
import { type OnceKey, once } from "./once.ts";
import type { Page, PageRequest } from "./paging.ts";

/** What a client sends to create an entry. */
export type MemoryInput = Static<typeof memoryInput>;

/** An entry that was found, with how its score came about. */
export type FoundMemory = MemoryEntry & {
  readonly score: number;
  readonly scores: Readonly<Record<string, number>>;
};

/** Memories of all tenants. */
export interface MemoryService {
  /**
   * Writes an entry; one that says the same is renewed instead, and dates from before.
   * @throws NOT_FOUND for another tenant's agent, INVALID, MEMORY_FULL, KEY_REUSED.
   */
  create(
    caller: Caller,
    input: MemoryInput,
    key: OnceKey | null,
  ): Promise<{ readonly entry: MemoryEntry; readonly isNew: boolean }>;
  get(tenant: string, id: string): Promise<MemoryEntry>;
  list(tenant: string, filter: MemoryFilter, page: PageRequest): Promise<Page<MemoryEntry>>;
  /** Best first. `filter.agent` must be there. @throws INVALID, NOT_FOUND. */
  search(
    tenant: string,
    filter: MemoryFilter,
    query: { readonly text: string; readonly limit: number },
  ): Promise<readonly FoundMemory[]>;
  change(
    tenant: string,
    id: string,
    change: MemoryChange,
    ifMatch: number | null,
  ): Promise<MemoryEntry>;
  remove(tenant: string, id: string, ifMatch: number | null): Promise<void>;
  /** @throws INVALID when neither a user nor an agent is named. */
  removeAll(tenant: string, filter: MemoryFilter): Promise<number>;
  /** Whether there may be memories of an agent. */
  isUsed(tenant: string, agent: Pick<Agent, "agent_key" | "memory">): Promise<boolean>;
  /** Messages of a user's conversations with an agent, best first. @throws NOT_FOUND. */
  searchHistory(
    tenant: string,
    of: { readonly agent: string; readonly user: string | null },
    query: { readonly text: string; readonly limit: number },
  ): Promise<readonly FoundMessage[]>;
}

/** The service over a store. */
export function createMemoryService(options: {
  readonly system: System;
  readonly agents: Pick<AgentService, "get">;
  readonly memories: MemoryStore;
  nowMs(): number;
}): MemoryService {
  const { agents, memories } = options;
  const memoryOf = async (tenant: string, agent: string) =>
    (await agents.get(tenant, agent)).agent.memory;
  return {
    create: (caller, input, key) => create(options, caller, input, key),
    get: (tenant, id) => memories.get(tenant, id),
    list: (tenant, filter, page) => memories.list(tenant, filter, page),
    search: async (tenant, filter, { text, limit }) => {
      const { agent, user = null } = filter;
      if (agent === undefined) throw invalid("A search with q names its agent_key.", "agent_key");
      const memory = await memoryOf(tenant, agent);
      const collection =
        filter.collection ?? memorySettings(memory)?.collection ?? COLLECTION_DEFAULT;
      const { halfLifeDays } = memoryBounds(memory);
      const query = { query: text, topK: limit, threshold: 0, halfLifeDays };
      const found = await memories.recall({ tenant, agent, user, collection }, query);
      const entries = found.map(async ({ id, score, scores }) => {
        // Removed meanwhile, it is not found.
        const entry = await memories.get(tenant, id).catch(ignoreGone);
        return entry === undefined ? [] : [{ ...entry, score, scores: { ...scores } }];
      });
      return (await Promise.all(entries)).flat();
    },
    change: async (tenant, id, change, ifMatch) => {
      checkMetadata(change.metadata);
      const { agent_key } = await memories.get(tenant, id);
      const memory = await memoryOf(tenant, agent_key).catch(ignoreGone);
      return await memories.change(tenant, id, change, { ifMatch, bounds: memoryBounds(memory) });
    },
    remove: (tenant, id, ifMatch) => memories.removeEntry(tenant, id, ifMatch),
    removeAll: async (tenant, { agent, user }) => {
      if (agent === undefined && user === undefined) {
        throw invalid("Name the user_key, the agent_key, or both.", "user_key");
      }
      return await memories.removeAll(tenant, {
        ...(agent === undefined ? {} : { agent }),
        ...(user === undefined ? {} : { user }),
      });
    },
    isUsed: async (tenant, { agent_key: agent, memory }) =>
      memory != null || (await memories.list(tenant, { agent }, { limit: 1 })).items.length > 0,
    searchHistory: async (tenant, { agent, user }, { text, limit }) => {
      await agents.get(tenant, agent);
      return await memories.searchHistory({ tenant, agent, user }, { query: text, topK: limit });
    },
  };
}

const COLLECTION_DEFAULT = "default";

async function create(
  { system, agents, memories, nowMs }: Parameters<typeof createMemoryService>[0],
  caller: Caller,
  input: MemoryInput,
  key: OnceKey | null,
): Promise<{ readonly entry: MemoryEntry; readonly isNew: boolean }> {
  const { tenant, service } = caller;
  checkMetadata(input.metadata);
  const { agent } = await agents.get(tenant, input.agent_key);
  const { agent_key, user_key = null, collection, ...fact } = input;
  const named = collection ?? memorySettings(agent.memory)?.collection ?? COLLECTION_DEFAULT;
  const scope = { tenant, agent: agent_key, user: user_key, collection: named };
  const place = { tables: system.tables, tenant, service };
  // The operation has the key's name: a request that was cut between the two writes is not done twice.
  const name = key === null ? newId("op", nowMs()) : `${service}\n${key.key}\n${key.bodyHash}`;
  const operation = { id: `api/${name}`, sinceMs: nowMs() };
  const made = await once<{ readonly id: string; readonly isNew: boolean }>(
    place,
    key,
    nowMs(),
    async (remember) => {
      const write = { ...fact, source: null, writtenBy: "api" } as const;
      const written = await memories.write(scope, write, memoryBounds(agent.memory), operation);
      if (written.id === null) {
        throw new RuntimeError("CONFLICT", "This memory is being deleted; try again.");
      }
      const result = { id: written.id, isNew: written.status === "created" };
      const rows = remember(result);
      if (rows.length > 0) await system.tables.write(tenant, rows);
      return result;
    },
  );
  const { id, isNew } = made.result;
  const entry = await memories.get(tenant, id).catch((error: unknown) => {
    throw made.isRepeat ? error : takenFrom(error, memoryBounds(agent.memory).entries);
  });
  return { entry, isNew };
}

/** Of a full memory that many write to at once, an entry may be the next one that has to go. */
function takenFrom(error: unknown, entries: number): unknown {
  if (!(error instanceof RuntimeError && error.code === "NOT_FOUND")) return error;
  const text = `The memory was kept and is gone again: others took its place, or it was deleted. There is room for ${entries} (memory.limits.entries).`;
  return new RuntimeError("MEMORY_FULL", text, { limit: entries });
}

function checkMetadata(metadata: unknown): void {
  if (metadata === undefined) return;
  const bytes = Buffer.byteLength(JSON.stringify(metadata));
  if (bytes <= memoryLimits.metadataBytes) return;
  const message = `metadata has at most ${memoryLimits.metadataBytes} bytes as JSON.`;
  throw new RuntimeError("INVALID", message, { pointer: "/metadata" });
}

function ignoreGone(error: unknown): undefined {
  if (!(error instanceof RuntimeError && error.code === "NOT_FOUND")) throw error;
}

function invalid(message: string, parameter: string): RuntimeError {
  return new RuntimeError("INVALID", message, { parameter });
}
