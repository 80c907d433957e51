// An agent with memory on a host of its own, over the real rows of memories, for tests of chat turns.

import { afterEach, beforeAll } from "vitest";
import type { Memories } from "../../actors/memory/memories.ts";
import type { MemoryStore } from "../../actors/memory/store.ts";
import type { ChatReply } from "../../actors/records/conversation.ts";
import type { AgentMemory } from "../../actors/records/memory.ts";
import { createBuiltinEmbedder } from "../../adapters/embed/builtin.ts";
import { createEmbedders } from "../../adapters/embed/embedders.ts";
import { createMemories } from "../../adapters/memory/memories.ts";
import { type AgentsHost, newAgent, newConversation, startAgents, tenant } from "./agents-host.ts";
import { knowledgeRowsOfFile } from "./knowledge-rows-of-file.ts";
import { createScriptedLlm, type Script, type ScriptedLlm } from "./scripted-llm.ts";

/** The agent and what its users say to it. */
export interface MemoryDesk {
  readonly llm: ScriptedLlm;
  readonly agent: string;
  readonly desk: AgentsHost;
  /** In a conversation of its own unless one is given. */
  say(text: string, user?: string, conversation?: string): Promise<ChatReply>;
  /** What is remembered of a user; null for the agent itself. */
  kept(user: string | null): Promise<readonly string[]>;
}

/** What a test file makes its desks of; the last one is stopped after each test. */
export interface MemoryDesks {
  memories(): MemoryStore;
  start(script: Script, memory?: Partial<AgentMemory>, port?: Memories): Promise<MemoryDesk>;
}

/** To be called once by a test file. */
export function memoryDesksOfFile(): MemoryDesks {
  const rows = knowledgeRowsOfFile();
  let memories: MemoryStore;
  let host: AgentsHost | undefined;
  beforeAll(() => {
    memories = createMemories({
      bulk: rows().bulk,
      embedders: createEmbedders(createBuiltinEmbedder()),
    });
  });
  afterEach(async () => {
    await host?.stop();
    host = undefined;
  });
  return {
    memories: () => memories,
    async start(script, memory = {}, port = memories) {
      const llm = createScriptedLlm(script);
      const desk = await startAgents({ llm, memories: port });
      host = desk;
      const agent = newAgent();
      await desk.setBalance(1_000_000);
      await desk.putAgent({ agent_key: agent, memory: { type: "vector_db", ...memory } });
      return {
        ...{ llm, agent, desk },
        say: (text, user, conversation = newConversation()) =>
          desk.chat(conversation, text, { agent, ...(user === undefined ? {} : { user }) }).reply(),
        kept: async (user) => {
          const { items } = await memories.list(tenant, { agent, user }, { limit: 100 });
          return items.map(({ text }) => text);
        },
      };
    },
  };
}
