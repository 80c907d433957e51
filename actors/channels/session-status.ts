// `/status`: who answers by their name, how old the session is, and what is under way or waits. The name is in a
// row that the turn of the command has not read, so that the session says it to itself.

import type { ReadRequest, Turn } from "../../runtime/actor.ts";
import { targetTables } from "../engines/wait-key.ts";
import { agentTables } from "../records/agent-version.ts";
import type { ChannelInput } from "./channel.ts";
import { type Saying, say } from "./session-ask.ts";
import type { SessionState } from "./session-state.ts";
import { wordsIn } from "./words.ts";

/** Said to itself: the question, and who answers. */
export interface StatusAsked {
  readonly type: "status";
  readonly to: Saying;
  /** Id of an agent, a team or a workflow. */
  readonly agent: string;
}

/** Approvals that are named. */
const APPROVALS_NAMED = 5;
const NAME_CHARS = 200;

const tables: Readonly<Record<string, string>> = {
  ag: agentTables.agents,
  tm: "teams",
  wf: "workflows",
};

/** The row that has the name, and whether what is asked longest waits for a target. */
export function statusReads(
  { agent }: StatusAsked,
  [oldest]: SessionState["asked"],
): Readonly<Record<string, ReadRequest>> {
  const table = tables[agent.slice(0, 2)];
  const run = oldest?.run;
  return {
    ...(table !== undefined && { agent: { type: "row", table, id: agent } }),
    ...(run != null && { target: { type: "row", table: targetTables.waiting, id: run } }),
  };
}

/** Says it. */
export function sayStatus(
  state: SessionState,
  { to, agent: id }: StatusAsked,
  channel: ChannelInput | undefined,
  turn: Turn,
): void {
  const words = wordsIn(channel?.language);
  const { sinceMs, asked, waiting, approvals } = state;
  const ageOf = (atMs: number | undefined): string | null =>
    atMs === undefined ? null : words.age(Math.max(0, turn.nowMs - atMs));
  const lines = words.status({
    agent: nameIn(turn.loaded["agent"]) ?? typedFor(id, channel),
    age: ageOf(sinceMs),
    underWay: asked.length,
    underWayFor: ageOf(asked[0]?.atMs),
    waiting: waiting.length,
    approvals: approvals.slice(0, APPROVALS_NAMED).map(({ tool, id: one }) => `${tool} (${one})`),
    moreApprovals: Math.max(0, approvals.length - APPROVALS_NAMED),
    isTargetAway: turn.loaded["target"] !== undefined,
  });
  say(turn, channel, to, { outgoing: { text: lines } });
}

/** How people call one that has no name of its own. */
function typedFor(id: string, channel: ChannelInput | undefined): string {
  return Object.entries(channel?.agents ?? {}).find(([, one]) => one === id)?.[0] ?? id;
}

/** The name in the row of an agent, or of a team or a workflow. */
function nameIn(row: unknown): string | null {
  const { agent, record } = (row ?? {}) as Readonly<
    Record<"agent" | "record", { readonly name?: unknown } | undefined>
  >;
  const name = agent?.name ?? record?.name;
  return typeof name === "string" && name !== "" ? name.slice(0, NAME_CHARS) : null;
}
