// A session that rests: when it begins anew, and what it says when its correspondent is back.

import type { Turn } from "../../runtime/actor.ts";
import { addressParts } from "../../runtime/address.ts";
import type { ChannelInput } from "./channel.ts";
import type { LaneMessage } from "./lane.ts";
import { channelLimits } from "./limits.ts";
import { begunAnew } from "./session-commands.ts";
import { laneAddress } from "./session-key.ts";
import type { SessionState } from "./session-state.ts";

/** Sends what waited for the correspondent to write. */
export function sendHeld(
  state: SessionState,
  channel: ChannelInput | undefined,
  turn: Turn,
): SessionState {
  if (state.held.length === 0) return state;
  const { tenant } = addressParts(turn.self);
  const withinS = channel?.deliver_within ?? channelLimits.deliverWithinS;
  for (const { delivery: id, lane } of state.held) {
    const message: LaneMessage = { type: "again", id, deliverByMs: turn.nowMs + withinS * 1_000 };
    turn.send(laneAddress(tenant, lane), message);
  }
  return { ...state, held: [] };
}

/** A session that nobody has used for its time begins anew; one that is at work is looked at later. */
export function idle(
  state: SessionState,
  channel: ChannelInput | undefined,
  turn: Turn,
): SessionState {
  const ttlMs = ttlOf(channel);
  const endsAtMs = state.lastAtMs + ttlMs;
  const isAtWork = state.asked.length + state.waiting.length + state.approvals.length > 0;
  if (turn.nowMs < endsAtMs || isAtWork) {
    turn.remind("idle", Math.max(endsAtMs, turn.nowMs + IDLE_AGAIN_MS), { type: "idle" });
    return state;
  }
  return { ...begunAnew(state), agent: null, early: [], heard: [], said: [] };
}

const IDLE_AGAIN_MS = 60_000;

/** Time of a session without a message, ms. */
export function ttlOf(channel: ChannelInput | undefined): number {
  return (channel?.session_ttl ?? channelLimits.sessionTtlS) * 1_000;
}
