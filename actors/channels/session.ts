// A session: one person or room at one channel, and the conversation that it has with an agent. One actor,
// `channel-session:<tenant>/<cs>`. Whether something was heard before, what it means and what is asked is
// decided in its turns, each one transaction: nothing that was acknowledged is lost, nothing is answered twice.

import { defineActor, type ReadRequest, type RunEnded, type Turn } from "../../runtime/actor.ts";
import { addressParts } from "../../runtime/address.ts";
import type { Answered } from "../answered.ts";
import type { ResourceRow } from "../records/resource.ts";
import { listenersRead } from "../triggers/listeners.ts";
import { type ChannelInput, channelKind } from "./channel.ts";
import type { Delivered } from "./delivery-row.ts";
import { channelLimits } from "./limits.ts";
import { withMade } from "./made-files.ts";
import type { MadeFile, Outgoing } from "./outgoing.ts";
import type { ChannelRemoved } from "./removed-message.ts";
import { answer, askEnded, askKind, askNext, say } from "./session-ask.ts";
import { stopEnded, stopKind } from "./session-commands.ts";
import {
  type ApprovalTold,
  approvalShown,
  approvalTold,
  decideEnded,
  decideKind,
} from "./session-decide.ts";
import { idle } from "./session-idle.ts";
import { inboundReads, takeIn } from "./session-inbound.ts";
import { laneId } from "./session-key.ts";
import { type LiveTold, liveTold } from "./session-live.ts";
import type { InboundMessage } from "./session-message.ts";
import { channelRemoved, removedReads } from "./session-removed.ts";
import { sweepReads, sweepSeen } from "./session-seen.ts";
import {
  emptySession,
  type SessionRow,
  type SessionState,
  sessionsTable,
} from "./session-state.ts";
import { type StatusAsked, sayStatus, statusReads } from "./session-status.ts";

/** Everything a session is told. */
export type SessionMessage =
  | InboundMessage
  | Answered
  | Delivered
  | ApprovalTold
  | LiveTold
  | StatusAsked
  /** Somebody else has something said there; answered with `{delivery}`. @throws NOT_FOUND where nobody has spoken. */
  | { readonly type: "say"; readonly outgoing: Outgoing; readonly made?: readonly MadeFile[] }
  /** A message that waited for its time. */
  | { readonly type: "due" }
  /** Nobody has spoken for the session's time. */
  | { readonly type: "idle" }
  | { readonly type: "sweep" }
  | ChannelRemoved
  | RunEnded;

/** Kind `channel-session`. */
export const sessionActor = defineActor<SessionState, SessionMessage>({
  kind: "channel-session",
  version: 1,
  initial: () => emptySession,
  reads,
  receive(state, message, turn) {
    const next = received(state, message, turn);
    if (next !== state) putRow(state, next, turn);
    return next;
  },
});

function reads(
  message: SessionMessage,
  { channel, asked }: SessionState,
): Readonly<Record<string, ReadRequest>> {
  const record = (id: string): ReadRequest => ({ type: "row", table: channelKind.path, id });
  switch (message.type) {
    case "inbound":
      return {
        channel: record(message.channel),
        listeners: listenersRead(message.channel),
        ...inboundReads(message),
      };
    case "sweep":
      return sweepReads();
    case "channel-removed":
      return removedReads();
    case "status":
      return { channel: record(message.to.channel), ...statusReads(message, asked) };
    default:
      return { channel: record(channel) };
  }
}

function received(state: SessionState, message: SessionMessage, turn: Turn): SessionState {
  const channel = channelOf(turn);
  switch (message.type) {
    case "inbound":
      return takeIn(state, message, channel, turn);
    case "answered":
      return answer(state, message, channel, turn);
    case "delivered":
      return delivered(state, message, channel, turn);
    case "approval":
      return approvalTold(state, message, channel, turn);
    case "live":
      return liveTold(state, message, turn);
    case "status":
      sayStatus(state, message, channel, turn);
      return state;
    case "say": {
      const { address } = state;
      if (address === null || channel === undefined) {
        turn.refuse({ code: "NOT_FOUND", message: "Nobody has spoken in this session." });
        return state;
      }
      const to = { channel: state.channel, address, place: state.place };
      const outgoing = withMade(message.outgoing, message.made, turn);
      turn.reply({ delivery: say(turn, channel, to, { outgoing }) });
      return state;
    }
    case "due":
      return askNext(state, channel, turn);
    case "idle":
      return idle(state, channel, turn);
    case "sweep":
      return sweepSeen(state, turn);
    case "channel-removed":
      return channelRemoved(state, message, turn);
    case "run-ended":
      return runEnded(state, message, channel, turn);
  }
}

function runEnded(
  state: SessionState,
  message: RunEnded,
  channel: ChannelInput | undefined,
  turn: Turn,
): SessionState {
  switch (message.kind) {
    case askKind:
      return askEnded(state, message, channel, turn);
    case stopKind:
      stopEnded(message, channel, turn);
      return state;
    case decideKind:
      decideEnded(message, channel, turn);
      return state;
    default:
      return state;
  }
}

/** The channel's record; undefined when it was removed: nothing is asked any more. */
function channelOf({ loaded }: Turn): ChannelInput | undefined {
  return (loaded["channel"] as ResourceRow<ChannelInput> | undefined)?.record;
}

/** What was said is ours when it is heard again; what could not be said now waits for the next message. */
function delivered(
  state: SessionState,
  { delivery, about, status, receipts }: Delivered,
  channel: ChannelInput | undefined,
  turn: Turn,
): SessionState {
  // Its channel is gone.
  if (state.key === null) return state;
  const said = [...state.said, ...receipts.map(({ id }) => id)].slice(-channelLimits.receipts);
  const heard = receipts.length > 0 ? { ...state, said } : state;
  if (status === "needs_template") {
    // Its lane has told it.
    const lane =
      turn.from === null ? laneId(state.channel, state.place) : addressParts(turn.from).root;
    const held = [...heard.held, { delivery, lane }].slice(-channelLimits.held);
    return { ...heard, held };
  }
  if (about.type !== "approval" || status !== "sent") return heard;
  return approvalShown(heard, about.approval, receipts.at(-1), channel, turn);
}

/** As lists show it; written when something of it has changed. */
function putRow(before: SessionState, state: SessionState, turn: Turn): void {
  const { key, channel, conversation, earlier, agent, lastAtMs } = state;
  if (key === null) return;
  const isSame =
    before.lastAtMs === lastAtMs &&
    before.conversation === conversation &&
    before.agent === agent &&
    before.channel === channel;
  if (isSame) return;
  const { root: id } = addressParts(turn.self);
  const row: SessionRow = {
    ...{ id, channel, key, conversation_key: conversation, earlier, agent },
    last_message_at: new Date(lastAtMs).toISOString(),
  };
  if (before.channel !== channel && before.channel !== "") {
    turn.putRow(sessionsTable, `${before.channel}.${id}`, undefined);
  }
  if (channel !== "") turn.putRow(sessionsTable, `${channel}.${id}`, row);
}
