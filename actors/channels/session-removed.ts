// A session whose channel was removed: it forgets all of it. One that a person has on several channels forgets
// what came by this one, and goes on.

import type { ReadRequest, RecordRow, Turn } from "../../runtime/actor.ts";
import { addressParts } from "../../runtime/address.ts";
import { channelLimits } from "./limits.ts";
import type { ChannelRemoved } from "./removed-message.ts";
import { PEOPLE } from "./session-key.ts";
import {
  emptySession,
  type SessionState,
  sessionOfConversationTable,
  sessionsTable,
} from "./session-state.ts";

/** What it removes in one turn. */
export function removedReads(): Readonly<Record<string, ReadRequest>> {
  return { seen: { type: "records", from: "s.", to: "s/", limit: channelLimits.seenRows } };
}

/** Forgets the channel; comes again where there is more than one turn removes. */
export function channelRemoved(
  state: SessionState,
  message: ChannelRemoved,
  turn: Turn,
): SessionState {
  const { channel } = message;
  const { root: id } = addressParts(turn.self);
  turn.putRow(sessionsTable, `${channel}.${id}`, undefined);
  if (state.key?.channel === PEOPLE) return withoutChannel(state, channel);
  const seen = turn.loaded["seen"] as readonly RecordRow[];
  for (const { key } of seen) turn.remove(key);
  if (seen.length === channelLimits.seenRows) turn.send(turn.self, message);
  const conversations = [state.conversation, ...state.earlier].filter((one) => one !== null);
  for (const one of conversations) turn.putRow(sessionOfConversationTable, one, undefined);
  if (state.asking !== null) turn.cancelRun(state.asking.run, "The channel was removed.");
  for (const timer of ["idle", "sweep", "due"]) turn.forget(timer);
  return emptySession;
}

function withoutChannel(state: SessionState, channel: string): SessionState {
  const isOther = (one: { readonly channel: string }): boolean => one.channel !== channel;
  const others = {
    ...state,
    waiting: state.waiting.filter(isOther),
    asked: state.asked.filter(isOther),
    approvals: state.approvals.filter(isOther),
  };
  return state.channel === channel ? { ...others, channel: "", address: null } : others;
}
