// A team under test: agents whose model a script speaks for, known by their names, and one conversation.

import type { LlmRequest, Retriever } from "../../actors/ports.ts";
import type { Agent } from "../../actors/records/agent.ts";
import type { ChatMessage } from "../../actors/records/conversation.ts";
import type { TeamInput } from "../../actors/records/team.ts";
import type { TeamEvent } from "../../actors/records/team-event.ts";
import { isAside } from "../../runtime/frame.ts";
import { newId } from "../../runtime/id.ts";
import { type AgentsHost, newAgent, newConversation, type Viewing } from "./agents-host.ts";
import { startHost } from "./agents-test.ts";
import { createScriptedLlm, type Scripted, type ScriptedLlm } from "./scripted-llm.ts";

/** Who says what: by the agent's name. */
export type Voices = (name: string, scripted: Scripted) => string | Promise<string>;

/** A model that speaks for every agent. */
export function voices(say: Voices): ScriptedLlm {
  return createScriptedLlm((scripted) => say(nameOf(scripted.request), scripted));
}

/** Whose call it is: agents of a team under test say their names first. */
export function nameOf({ messages }: LlmRequest): string {
  return /^#(\w+)/.exec(messages[0]?.content ?? "")?.[1] ?? "";
}

/** What the call was given of what was said before, by line. */
export function saidBefore({ messages }: LlmRequest): readonly Record<string, unknown>[] {
  return messages.slice(1, -1).flatMap(({ content }) =>
    content
      .split("\n")
      .filter((line) => line.startsWith("{"))
      .map((line) => JSON.parse(line) as Record<string, unknown>),
  );
}

/** A team and its conversation. */
export interface TeamTalk {
  readonly host: AgentsHost;
  readonly team: string;
  /** Ids by name. */
  readonly agents: ReadonlyMap<string, string>;
  readonly cv: string;
  chat(text: string, more?: Partial<ChatMessage>): Viewing;
}

/** What a test wants; agents are named, members are agents unless the record says otherwise. */
export interface TeamWanted {
  readonly agents: readonly string[];
  readonly team: (id: (name: string) => string) => Partial<TeamInput>;
  /** Fields of all agents. */
  readonly agent?: Partial<Agent>;
  readonly retriever?: Retriever;
  readonly host?: AgentsHost;
}

/** A new id of a team. */
export const newTeam = (): string => newId("tm", Date.now());

/** Puts the agents and the team. */
export async function startTeam(llm: ScriptedLlm, wanted: TeamWanted): Promise<TeamTalk> {
  const { retriever } = wanted;
  const host = wanted.host ?? (await startHost(llm, retriever ? { retriever } : {}));
  const agents = new Map(wanted.agents.map((name) => [name, newAgent()]));
  for (const [name, agent_key] of agents) {
    const record = { agent_key, name, system_message: `#${name}`, ...wanted.agent };
    await host.putAgent(record);
  }
  const idOf = (name: string): string => agents.get(name) ?? `ag_none${name}`;
  const team = newTeam();
  await host.putTarget(team, teamRecord(wanted.team(idOf)));
  const cv = newConversation();
  const chat: TeamTalk["chat"] = (text, more = {}) => host.chat(cv, text, { agent: team, ...more });
  return { host, team, agents, cv, chat };
}

/** A whole record, as the door would have stored it. */
export function teamRecord(fields: Partial<TeamInput>): Readonly<Record<string, unknown>> {
  return { name: "Desk", mode: "coordinate", members: [], ...fields };
}

/** Members by the names of their agents. */
export const membersOf = (id: (name: string) => string, ...names: readonly string[]) =>
  names.map((name) => ({ agent: id(name) }));

/** What a viewer saw of the members: who, in which state. */
export function memberEvents({ frames }: Viewing): readonly string[] {
  return teamEvents(frames)
    .filter((event) => event.type === "member")
    .map(({ turn, member, state }) => `${turn} ${member} ${state}`);
}

/** The team's own events. */
export function teamEvents(frames: Viewing["frames"]): readonly TeamEvent[] {
  return frames.flatMap((frame) => {
    if (frame.type !== "event") return [];
    const event = frame.event as TeamEvent;
    return event.type.startsWith("team_") || event.type === "member" ? [event] : [];
  });
}

/** What members said aside as viewers saw it, by run of the member. */
export function asideTexts({ frames }: Viewing): ReadonlyMap<string, string> {
  const texts = new Map<string, string>();
  for (const frame of frames) {
    if (frame.type !== "text-end" || !isAside(frame.run)) continue;
    const member = /^.*?\.\d+a/.exec(frame.run)?.[0] ?? "";
    texts.set(member, (texts.get(member) ?? "") + frame.text);
  }
  return texts;
}
