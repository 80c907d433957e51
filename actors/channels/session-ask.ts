// From a message to an answer: questions of a session go to the agent one after another, in their order, and
// each answer goes where its question came from. What was asked and is not answered is in the state, so that
// nothing is asked twice and no answer is lost.

import { defineRun, type RunEnded, type Turn } from "../../runtime/actor.ts";
import { addressParts } from "../../runtime/address.ts";
import { errorTable } from "../../runtime/errors.ts";
import type { Answered } from "../answered.ts";
import type { Ports } from "../ports.ts";
import type { ChannelInput } from "./channel.ts";
import type { DeliveryAbout } from "./delivery-row.ts";
import type { ChannelData } from "./inbound.ts";
import type { LaneMessage } from "./lane.ts";
import { channelLimits } from "./limits.ts";
import type { Outgoing } from "./outgoing.ts";
import type { ChannelAsk, ChannelAsked } from "./port.ts";
import { laneAddress, laneId } from "./session-key.ts";
import {
  type Asked,
  type Question,
  type SessionState,
  sessionOfConversationTable,
} from "./session-state.ts";
import { wordsIn } from "./words.ts";

/** Kind of the run that hands a question over. */
export const askKind = "channel-ask";

/** Refusals that pass, and after how long it is asked again, ms. */
const LATER_MS = [2_000, 10_000, 60_000, 300_000, 900_000];

/** Kind `channel-ask`. */
export const askRun = defineRun<ChannelAsk, ChannelAsked, Pick<Ports, "channels">>({
  kind: askKind,
  run: async (ask, context) => {
    const { channels } = context.ports;
    const traced = context.trace === undefined ? ask : { ...ask, trace: context.trace };
    return await context.step("ask", async ({ signal }) => await channels.ask(traced, signal), {
      // It has a key: asked again it is the same question.
      repeat: "safe",
      timeoutMs: channelLimits.askMs,
    });
  },
});

/** A place to say something in. */
export interface Saying {
  readonly channel: string;
  readonly address: ChannelData;
  readonly place: string;
  /** Time to deliver where the channel says nothing, ms. */
  readonly withinMs?: number | undefined;
}

/** What is said. */
export interface Said {
  readonly outgoing: Outgoing;
  /** Default: a notice. */
  readonly about?: DeliveryAbout;
  /** Why it stays in the outbox. */
  readonly refused?: string | undefined;
  /** Key of a preview that may be shown already. */
  readonly preview?: string | undefined;
}

/** Puts words into the outbox. @returns id of the delivery. */
export function say(
  turn: Turn,
  channel: ChannelInput | undefined,
  to: Saying,
  { outgoing, about = { type: "notice" }, refused, preview }: Said,
): string {
  const id = turn.newId("dv");
  const { tenant, root } = addressParts(turn.self);
  const own = channel?.deliver_within;
  const byDefault = to.withinMs ?? channelLimits.deliverWithinS * 1_000;
  const withinMs = own === undefined ? byDefault : own * 1_000;
  const message: LaneMessage = {
    type: "deliver",
    delivery: {
      ...{ id, channel: to.channel, session: root, address: to.address },
      conversation: to.place,
      ...{ outgoing, about, createdAtMs: turn.nowMs, deliverByMs: turn.nowMs + withinMs },
      ...(preview !== undefined && { preview }),
    },
    ...(refused !== undefined && { refused }),
  };
  turn.send(laneAddress(tenant, laneId(to.channel, to.place)), message);
  return id;
}

/** Hands over the next question, if there is one and room for it. */
export function askNext(
  state: SessionState,
  channel: ChannelInput | undefined,
  turn: Turn,
): SessionState {
  if (state.asking !== null || state.asked.length >= channelLimits.asking) return state;
  const [next, ...waiting] = state.waiting;
  if (next === undefined || channel === undefined) return state;
  if (next.dueAtMs > turn.nowMs) {
    turn.remind("due", next.dueAtMs, { type: "due" });
    return state;
  }
  const { tenant, root: session } = addressParts(turn.self);
  const conversation = state.conversation ?? turn.newId("cv");
  if (state.conversation === null) {
    const { channel: by } = next;
    turn.putRow(sessionOfConversationTable, conversation, { session, channel: by });
  }
  const input: ChannelAsk = {
    ...{ tenant, channel: next.channel, conversation, session, question: next.id },
    agent: next.agent ?? state.agent ?? channel.agent,
    ...{ text: next.text, files: next.files, address: next.address, place: next.place },
    user: state.isDirect ? (next.person ?? next.sender) : session,
    // One beside another would be shown out of order.
    ...(channel.live && state.asked.length === 0 && { live: true }),
    onBusy: channel.on_busy ?? "enqueue",
    key: next.id,
  };
  const run = turn.startRun({ kind: askKind, input, timeoutMs: 2 * channelLimits.askMs });
  const { id: question, message, channel: by, address, place, withinMs, sender } = next;
  const asked: Asked = {
    ...{ question, message, channel: by, address, place, sender },
    ...{ conversation, run: null, atMs: turn.nowMs },
    ...(withinMs !== undefined && { withinMs }),
  };
  return {
    ...state,
    conversation,
    waiting,
    asking: { question: next, run },
    asked: [...state.asked, asked],
  };
}

/** The question was taken, or refused. */
export function askEnded(
  state: SessionState,
  { run, outcome }: RunEnded,
  channel: ChannelInput | undefined,
  turn: Turn,
): SessionState {
  if (state.asking?.run !== run) return state;
  const { question } = state.asking;
  const idle = { ...state, asking: null };
  if (outcome.status === "completed") {
    const { run: answering, leftOut } = outcome.result as ChannelAsked;
    const asked = idle.asked.map((one) =>
      one.question === question.id ? { ...one, run: answering } : one,
    );
    if (leftOut.length > 0)
      say(turn, channel, question, { outgoing: { text: leftOut.join("\n") } });
    return askNext({ ...idle, asked }, channel, turn);
  }
  const asked = idle.asked.filter((one) => one.question !== question.id);
  // It was answered already: only the word of its being taken was lost.
  if (asked.length === idle.asked.length) return askNext(idle, channel, turn);
  const refusals = question.refusals ?? 0;
  const waitMs = LATER_MS[refusals];
  const { error } = outcome;
  if (errorTable[error.code].retryable && waitMs !== undefined) {
    const again: Question = { ...question, refusals: refusals + 1, dueAtMs: turn.nowMs + waitMs };
    return askNext({ ...idle, asked, waiting: [again, ...idle.waiting] }, channel, turn);
  }
  const words = wordsIn(channel?.language);
  const text = words.failed(reasonOf(error));
  say(turn, channel, question, { outgoing: { text, answers: question.message } });
  return askNext({ ...idle, asked }, channel, turn);
}

/** Says an answer where its question came from, within the budget of answers. */
export function answer(
  state: SessionState,
  { asks, run, status, text, error, unseen }: Answered,
  channel: ChannelInput | undefined,
  turn: Turn,
): SessionState {
  const mine = state.asked.filter(({ question }) => asks.includes(question));
  const last = mine.at(-1);
  if (last === undefined) return state;
  const asked = state.asked.filter((one) => !mine.includes(one));
  const rest = { ...state, asked };
  const outgoing = outgoingOf({ status, text, error, unseen }, last, channel);
  if (outgoing === null) return askNext(rest, channel, turn);
  const { answers, refused } = withinBudget(state, channel, turn);
  const { live } = last;
  const replaces = live?.receipt === undefined ? {} : { replaces: live.receipt };
  const said = { ...outgoing, ...replaces };
  const preview = live?.receipt === undefined ? live?.key : undefined;
  say(turn, channel, last, { outgoing: said, about: { type: "answer", run }, refused, preview });
  return askNext({ ...rest, answers }, channel, turn);
}

function outgoingOf(
  {
    status,
    text,
    error,
    unseen = 0,
  }: Pick<Answered, "status" | "text" | "error"> & { readonly unseen: number | undefined },
  { message }: Asked,
  channel: ChannelInput | undefined,
): Outgoing | null {
  // Who interrupted it waits for the other answer; who stopped it has been told.
  if (status === "interrupted" || status === "repeated" || status === "cancelled") return null;
  const words = wordsIn(channel?.language);
  const also = unseen > 0 ? `\n\n${words.unseen(unseen)}` : "";
  // Whoever has asked hears that it is over.
  const said = text === "" ? words.empty : text;
  if (error === null) return { text: `${said}${also}`, answers: message };
  const why = reasonOf(error);
  const all = text === "" ? words.failed(why) : `${text}\n\n${words.cut(why)}`;
  return { text: all, answers: message };
}

/** Without what a provider has said itself: that may be a page of a proxy, and is in the run's record. */
function reasonOf({ code, message }: { readonly code: string; readonly message: string }): string {
  if (!code.startsWith("PROVIDER_")) return message;
  const [ours = ""] = message.split(": ", 1);
  return ours.endsWith(".") ? ours : `${ours}.`;
}

/** An answer more in this hour; what is over the budget stays in the outbox: two programs may be talking. */
function withinBudget(
  { answers: { sinceMs, count } }: SessionState,
  channel: ChannelInput | undefined,
  { nowMs }: Turn,
): Pick<SessionState, "answers"> & Pick<Said, "refused"> {
  const most = channel?.replies_per_hour ?? channelLimits.repliesPerHour;
  const isNewHour = nowMs - sinceMs >= channelLimits.budgetMs;
  const answers = isNewHour ? { sinceMs: nowMs, count: 1 } : { sinceMs, count: count + 1 };
  const isOver = answers.count > most;
  return {
    answers,
    refused: isOver ? `Over ${most} answers to this session in an hour.` : undefined,
  };
}
