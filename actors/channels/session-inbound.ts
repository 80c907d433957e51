// What a session makes of an event: a repeat is dropped, a command obeyed, a press decided, a message waits
// for its turn to be asked. Events come in any order; an edit or a deletion may be there before its message.

import type { ReadRequest, Turn } from "../../runtime/actor.ts";
import { addressParts } from "../../runtime/address.ts";
import { tellListeners, toldText } from "../triggers/listeners.ts";
import type { ChannelInput } from "./channel.ts";
import type { Inbound, MessageEvent } from "./inbound.ts";
import type { LaneMessage } from "./lane.ts";
import { channelLimits } from "./limits.ts";
import { askNext, type Saying, say } from "./session-ask.ts";
import { begunAnew, type Command, commandIn, commandOf, obey } from "./session-commands.ts";
import { decide, decisionOf, writtenDecision } from "./session-decide.ts";
import { sendHeld, ttlOf } from "./session-idle.ts";
import { laneAddress, laneId } from "./session-key.ts";
import type { InboundMessage, Taken, Verdict } from "./session-message.ts";
import { seenReads, sweepLater, wasSeen } from "./session-seen.ts";
import type { Question, SessionState } from "./session-state.ts";

/** What it has to know. */
export function inboundReads({ event }: InboundMessage): Readonly<Record<string, ReadRequest>> {
  return seenReads(event);
}

/** Takes an event in, once. */
export function takeIn(
  state: SessionState,
  message: InboundMessage,
  channel: ChannelInput | undefined,
  turn: Turn,
): SessionState {
  const { event, dedupeHours } = message;
  if (event.kind === "message" && state.waiting.length >= channelLimits.sessionWaiting) {
    const text = `Already ${channelLimits.sessionWaiting} messages of this session wait.`;
    turn.refuse({ code: "MAILBOX_FULL", message: text });
    return state;
  }
  const isRepeat = wasSeen(event, dedupeHours, turn);
  turn.reply({ isNew: !isRepeat } satisfies Taken);
  const known = sweepLater(state, turn);
  // A channel that was removed meanwhile has nobody to answer.
  if (isRepeat || channel === undefined) return known;
  return handled(known, message, channel, turn);
}

function handled(
  state: SessionState,
  message: InboundMessage,
  channel: ChannelInput,
  turn: Turn,
): SessionState {
  const { event } = message;
  const to = placeOf(message);
  switch (event.kind) {
    case "message":
      return heard(state, { ...message, event }, channel, turn);
    case "edit":
      return changed(state, event.message, event.text);
    case "delete":
      return changed(state, event.message, null);
    case "status":
      report(event, message.channel, turn);
      return state;
    case "command": {
      const command = commandOf(event.name, event.text);
      const text = `/${event.name} ${event.text}`.trim();
      if (command !== null) return ordered(state, message, { command, to }, channel, turn);
      return heard(state, { ...message, event: asMessage(event, text) }, channel, turn);
    }
    case "action": {
      const wish = decisionOf(event.action);
      if (wish === null) return state;
      decide(state, { ...wish, sender: event.sender.id, note: null, to }, channel, turn);
      return state;
    }
    case "identity":
      // Whoever resolves ids has taken it in; here it only must not come twice.
      return state;
  }
}

/** Somebody has said something. */
function heard(
  state: SessionState,
  message: InboundMessage & { readonly event: MessageEvent },
  channel: ChannelInput,
  turn: Turn,
): SessionState {
  const { event, verdict = {} } = message;
  // Our own words, or what was taken back before it came.
  if (state.said.includes(event.message)) return state;
  const early = state.early.find((one) => one.message === event.message);
  const rest = early ? { ...state, early: state.early.filter((one) => one !== early) } : state;
  if (early?.text === null) return rest;
  const to = placeOf(message);
  const text = early?.text ?? event.text;
  const command = commandIn(text);
  if (command !== null) return ordered(rest, message, { command, to }, channel, turn);
  const decided = writtenDecision(rest, { text, sender: event.sender.id }, channel);
  if (decided !== null) {
    const obeyed: Command = { name: decided, text: "" };
    return ordered(rest, message, { command: obeyed, to }, channel, turn);
  }
  const open = sendHeld(opened(rest, message, channel, turn), channel, turn);
  const told = saidVerdict(open, verdict, { to, event }, channel, turn);
  if (verdict.say !== undefined && verdict.holdUntilMs === undefined) return told;
  const asked = question({ ...message, event }, text, channel, turn);
  tellMessage(turn, asked, event);
  return askNext(queued(told, asked), channel, turn);
}

/** Triggers that listen to the channel are told what its agent is asked. */
function tellMessage(turn: Turn, { id, channel, text }: Question, event: MessageEvent): void {
  tellListeners(turn, () => {
    const { root: session } = addressParts(turn.self);
    const { id: sender, name } = event.sender;
    const data = {
      ...{ channel, session, message: event.message, text: toldText(text) },
      ...{ sender: { id: sender, ...(name !== undefined && { name }) } },
    };
    const what = { what: "channel_message", of: channel, outcome: null } as const;
    return { ...what, key: `message:${id}`, atMs: turn.nowMs, data, depth: 0 };
  });
}

/** A text that begins a session anew, or goes on with it. */
function opened(
  state: SessionState,
  { key, channel: by, event }: InboundMessage,
  channel: ChannelInput,
  turn: Turn,
): SessionState {
  const ttlMs = ttlOf(channel);
  const isOver = state.lastAtMs > 0 && turn.nowMs - state.lastAtMs > ttlMs;
  const isIdle = state.asked.length + state.waiting.length + state.approvals.length === 0;
  const base = isOver && isIdle ? { ...begunAnew(state), agent: null } : state;
  turn.remind("idle", turn.nowMs + ttlMs, { type: "idle" });
  return {
    ...base,
    ...{ key, channel: by, address: event.address, lastAtMs: turn.nowMs },
    sinceMs: base.sinceMs ?? turn.nowMs,
    ...{ place: event.place.conversation, isDirect: event.place.isDirect },
    ...(event.kind === "message" && {
      heard: [...base.heard, event.message].slice(-channelLimits.heard),
    }),
  };
}

function ordered(
  state: SessionState,
  message: InboundMessage,
  { command, to }: { readonly command: Command; readonly to: Saying },
  channel: ChannelInput,
  turn: Turn,
): SessionState {
  const open = opened(state, message, channel, turn);
  return askNext(
    obey(open, command, { to, sender: message.event.sender.id }, channel, turn),
    channel,
    turn,
  );
}

/** What middleware wants said instead of an answer, or meanwhile; that once. */
function saidVerdict(
  state: SessionState,
  { say: text, holdUntilMs }: Verdict,
  { to, event }: { readonly to: Saying; readonly event: MessageEvent },
  channel: ChannelInput,
  turn: Turn,
): SessionState {
  if (text === undefined) return state;
  if (holdUntilMs !== undefined && turn.nowMs < state.toldClosedUntilMs) return state;
  say(turn, channel, to, { outgoing: { text, answers: event.message } });
  return holdUntilMs === undefined ? state : { ...state, toldClosedUntilMs: holdUntilMs };
}

function question(
  {
    channel: by,
    event,
    verdict = {},
    deliverWithinMs,
  }: InboundMessage & { readonly event: MessageEvent },
  text: string,
  channel: ChannelInput,
  turn: Turn,
): Question {
  const cut = text.length > channelLimits.textChars;
  const said = cut
    ? `${text.slice(0, channelLimits.textChars)}\n[cut: ${text.length} characters]`
    : text;
  const isRoom = !event.place.isDirect && event.sender.name !== undefined;
  return {
    id: turn.newId("cq"),
    message: event.message,
    channel: by,
    text: isRoom ? `${event.sender.name}: ${said}` : said,
    files: (event.files ?? []).slice(0, channelLimits.files),
    address: event.address,
    place: event.place.conversation,
    ...(deliverWithinMs !== undefined && { withinMs: deliverWithinMs }),
    sender: event.sender.id,
    ...(event.place.person !== undefined && { person: event.place.person }),
    dueAtMs: verdict.holdUntilMs ?? (channel.merge_ms ? turn.nowMs + channel.merge_ms : 0),
    ...(channel.merge_ms && { mergeMs: channel.merge_ms }),
    ...(verdict.agent !== undefined && { agent: verdict.agent }),
  };
}

/** Behind what waits, or joined to the last of it while that waits for more. */
function queued(state: SessionState, next: Question): SessionState {
  const last = state.waiting.at(-1);
  if (last === undefined || next.mergeMs === undefined || !joins(last, next)) {
    return { ...state, waiting: [...state.waiting, next] };
  }
  const joined: Question = {
    ...next,
    text: [last.text, next.text].filter((text) => text !== "").join("\n"),
    files: [...last.files, ...next.files].slice(0, channelLimits.files),
    joined: [...(last.joined ?? []), last.message],
  };
  return { ...state, waiting: [...state.waiting.slice(0, -1), joined] };
}

function joins(last: Question, next: Question): boolean {
  const { mergedMessages, mergedChars } = channelLimits;
  return (
    last.mergeMs !== undefined &&
    last.sender === next.sender &&
    last.place === next.place &&
    last.channel === next.channel &&
    last.agent === next.agent &&
    (last.refusals ?? 0) === 0 &&
    (last.joined?.length ?? 0) + 2 <= mergedMessages &&
    last.text.length + next.text.length < mergedChars
  );
}

/** A message that is not asked yet says what it says now; of one that has not come it is remembered. */
function changed(state: SessionState, message: string, text: string | null): SessionState {
  const at = state.waiting.findIndex((one) => one.message === message && one.joined === undefined);
  if (at !== -1) {
    const waiting =
      text === null
        ? state.waiting.filter((_, n) => n !== at)
        : state.waiting.map((one, n) => (n === at ? { ...one, text } : one));
    return { ...state, waiting };
  }
  // What was asked is asked.
  const isKnown =
    state.asked.some((one) => one.message === message) ||
    state.waiting.some((one) => one.message === message || one.joined?.includes(message)) ||
    state.heard.includes(message);
  if (isKnown) return state;
  const others = state.early.filter((one) => one.message !== message);
  return { ...state, early: [...others, { message, text }].slice(-channelLimits.early) };
}

/** What has become of a message of ours is its lane's. */
function report(event: Inbound & { readonly kind: "status" }, channel: string, turn: Turn): void {
  const { tenant } = addressParts(turn.self);
  const message: LaneMessage = { type: "status", event };
  turn.send(laneAddress(tenant, laneId(channel, event.place.conversation)), message);
}

function placeOf({ channel, event, deliverWithinMs }: InboundMessage): Saying {
  return {
    ...{ channel, address: event.address, place: event.place.conversation },
    ...(deliverWithinMs !== undefined && { withinMs: deliverWithinMs }),
  };
}

/** A command that is none of ours is a message to the agent. */
function asMessage(event: Inbound & { readonly kind: "command" }, text: string): MessageEvent {
  const { dedupe, place, address, sender, atMs } = event;
  return {
    kind: "message",
    message: dedupe[0] ?? "",
    text,
    ...{ dedupe, place, address, sender, atMs },
  };
}
