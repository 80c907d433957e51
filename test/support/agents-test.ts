// What tests of agents begin with: a host that is stopped after each test, an agent with a
// conversation, one whole turn.

import { afterEach } from "vitest";
import type { Memories } from "../../actors/memory/memories.ts";
import type { Retriever } from "../../actors/ports.ts";
import type { Agent } from "../../actors/records/agent.ts";
import type { ChatMessage, ChatReply } from "../../actors/records/conversation.ts";
import type { SubAgent } from "../../actors/records/sub-agent.ts";
import type { RuntimeError } from "../../runtime/errors.ts";
import {
  type AgentsHost,
  newAgent,
  newConversation,
  startAgents,
  type Viewing,
} from "./agents-host.ts";
import type { ScriptedLlm } from "./scripted-llm.ts";

/** Balance at the start of a test, in micros: a hundred turns. */
export const BALANCE = 100_000;

const hosts: AgentsHost[] = [];
afterEach(async () => {
  for (const host of hosts.splice(0)) await host.stop();
});

/** A host with money, stopped after the test. */
export async function startHost(
  llm: ScriptedLlm,
  ports: Pick<Wanted, "retriever" | "memories"> = {},
): Promise<AgentsHost> {
  const { retriever, memories } = ports;
  const host = await startAgents({
    llm,
    ...(retriever && { retriever }),
    ...(memories && { memories }),
  });
  hosts.push(host);
  await host.setBalance(BALANCE);
  return host;
}

/** What a test wants beside the empty agent. */
export interface Wanted {
  readonly agent?: Partial<Agent>;
  readonly subAgents?: readonly Partial<SubAgent>[];
  readonly retriever?: Retriever;
  readonly memories?: Memories;
}

/** A conversation of a new agent. */
export interface Talk {
  readonly agents: AgentsHost;
  readonly agent: string;
  readonly cv: string;
  chat(text: string, more?: Partial<ChatMessage>): Viewing;
}

/** A host with one agent and a conversation that has not begun. */
export async function startTalk(llm: ScriptedLlm, wanted: Wanted = {}): Promise<Talk> {
  const agents = await startHost(llm, wanted);
  const agent = newAgent();
  const cv = newConversation();
  await agents.putAgent({ agent_key: agent, ...wanted.agent }, wanted.subAgents);
  return {
    agents,
    agent,
    cv,
    chat: (text, more = {}) => agents.chat(cv, text, { agent, ...more }),
  };
}

/** The only turn of a new conversation: its reply, its events and the text as a client saw it. */
export async function askOnce(
  llm: ScriptedLlm,
  text: string,
  wanted: Wanted = {},
): Promise<ChatReply & { readonly events: readonly unknown[]; readonly seen: string }> {
  const { chat } = await startTalk(llm, wanted);
  const viewing = chat(text);
  const reply = await viewing.reply();
  const events = viewing.frames.flatMap((frame) => (frame.type === "event" ? [frame.event] : []));
  return { ...reply, events, seen: viewing.text() };
}

/** Code of what a promise is refused with, "none" when it is not. */
export function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => "none",
    (error: RuntimeError) => error.code,
  );
}
