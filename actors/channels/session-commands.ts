// Commands that people type in a channel: /new, /stop, /agent NAME, /status, /help, /approve and /reject. A
// text that begins with another slash is a message to the agent.

import { defineRun, type RunEnded, type Turn } from "../../runtime/actor.ts";
import type { Ports } from "../ports.ts";
import type { ChannelInput } from "./channel.ts";
import { channelLimits } from "./limits.ts";
import { type Saying, say } from "./session-ask.ts";
import { decide } from "./session-decide.ts";
import type { SessionState } from "./session-state.ts";
import type { StatusAsked } from "./session-status.ts";
import { type Words, wordsIn } from "./words.ts";

/** Kind of the run that stops what is under way. */
export const stopKind = "channel-stop";

/** A command. */
export interface Command {
  readonly name: "new" | "stop" | "agent" | "status" | "help" | "approve" | "reject";
  readonly text: string;
}

const names = new Set(["new", "stop", "agent", "status", "help", "approve", "reject"]);
const COMMAND = /^\s*\/([a-z]{3,8})(?:@\S{1,64})?(?:\s+([\s\S]{0,2000}))?\s*$/i;

/** The command that a text is; null: it is a message. */
export function commandIn(text: string): Command | null {
  const [, name, rest = ""] = COMMAND.exec(text) ?? [];
  return name === undefined ? null : commandOf(name.toLowerCase(), rest);
}

/** The command of a name; null: none of ours. */
export function commandOf(name: string, text: string): Command | null {
  return names.has(name) ? { name: name as Command["name"], text: text.trim() } : null;
}

interface StopInput {
  readonly to: Saying;
  readonly channel: string;
  readonly conversations: readonly string[];
}

interface Stopped {
  readonly to: Saying;
  readonly runs: number;
}

/** Kind `channel-stop`. */
export const stopRun = defineRun<StopInput, Stopped, Pick<Ports, "channels">>({
  kind: stopKind,
  run: async ({ to, channel, conversations }, context) => {
    const of = { tenant: context.tenant, channel, reason: "stopped in the channel" };
    let runs = 0;
    for (const conversation of conversations) {
      const stop = () => context.ports.channels.stop({ ...of, conversation });
      runs += await context.step(`stop ${conversation}`, stop, { repeat: "safe" });
    }
    return { to, runs };
  },
});

/** Says that it has stopped. */
export function stopEnded(
  { outcome }: RunEnded,
  channel: ChannelInput | undefined,
  turn: Turn,
): void {
  if (outcome.status !== "completed") return;
  const { to, runs } = outcome.result as Stopped;
  say(turn, channel, to, { outgoing: { text: wordsIn(channel?.language).stopped(runs) } });
}

/** Does what somebody has typed. */
export function obey(
  state: SessionState,
  { name, text }: Command,
  { to, sender }: { readonly to: Saying; readonly sender: string },
  channel: ChannelInput,
  turn: Turn,
): SessionState {
  const words = wordsIn(channel.language);
  const tell = (said: string): void => void say(turn, channel, to, { outgoing: { text: said } });
  switch (name) {
    case "new":
      tell(words.begun);
      return begunAnew(state);
    case "stop":
      return stop(state, { to, words }, channel, turn);
    case "agent":
      return choose(state, text, { tell, words }, channel);
    case "status": {
      const asked: StatusAsked = { type: "status", to, agent: state.agent ?? channel.agent };
      turn.send(turn.self, asked);
      return state;
    }
    case "help":
      tell(words.help);
      return state;
    case "approve":
    case "reject": {
      const [, id, note] = /^(ap_[0-9a-z]{26})?\s*([\s\S]*)$/.exec(text) ?? [];
      const wish = { approval: id ?? null, decision: name, sender, note: note || null, to };
      decide(state, wish, channel, turn);
      return state;
    }
  }
}

/** The next message opens a new conversation; answers to what was asked before still come. */
export function begunAnew(state: SessionState): SessionState {
  const { conversation, earlier } = state;
  if (conversation === null) return state;
  const { sinceMs: _, ...rest } = state;
  return {
    ...rest,
    conversation: null,
    earlier: [conversation, ...earlier].slice(0, channelLimits.earlier),
  };
}

/** What waits is dropped; what is under way is cancelled, also in conversations before this one. */
function stop(
  state: SessionState,
  { to, words }: { readonly to: Saying; readonly words: Words },
  channel: ChannelInput,
  turn: Turn,
): SessionState {
  const dropped = state.waiting.length;
  const rest = { ...state, waiting: [] };
  if (state.asked.length === 0) {
    say(turn, channel, to, { outgoing: { text: words.stopped(dropped) } });
    return rest;
  }
  const conversations = [...new Set(state.asked.map(({ conversation }) => conversation))];
  const input: StopInput = { to, channel: to.channel, conversations };
  turn.startRun({ kind: stopKind, input, timeoutMs: channelLimits.askMs });
  return rest;
}

function choose(
  state: SessionState,
  wanted: string,
  { tell, words }: { tell(said: string): void; readonly words: Words },
  channel: ChannelInput,
): SessionState {
  const agents = channel.agents ?? {};
  const known = Object.keys(agents).find((one) => one.toLowerCase() === wanted.toLowerCase());
  const id = known === undefined ? undefined : agents[known];
  if (known === undefined || id === undefined) {
    const isDefault = wanted.toLowerCase() === DEFAULT_NAME;
    tell(
      isDefault
        ? words.agentIs(DEFAULT_NAME)
        : words.agents([DEFAULT_NAME, ...Object.keys(agents)]),
    );
    return isDefault ? { ...begunAnew(state), agent: null } : state;
  }
  tell(words.agentIs(known));
  return { ...begunAnew(state), agent: id };
}

/** Name by which the channel's own agent is chosen. */
const DEFAULT_NAME = "default";
