// Which events a session has taken in: a record for each key of an event, kept for as long as its platform
// may deliver it again. Looked up and put in the turn that takes the event in, so that there is no moment
// between the two.

import type { ReadRequest, RecordRow, Turn } from "../../runtime/actor.ts";
import type { Inbound } from "./inbound.ts";
import { channelLimits } from "./limits.ts";
import { seenKey } from "./session-key.ts";
import type { SessionState } from "./session-state.ts";

/** Record of a key: until when it is known, ms since the epoch. */
type Seen = number;

/** Reads whether an event was taken in: one request a key. */
export function seenReads({ dedupe }: Inbound): Readonly<Record<string, ReadRequest>> {
  return Object.fromEntries(
    dedupe.slice(0, channelLimits.dedupeKeys).map((one, at): [string, ReadRequest] => {
      const key = seenKey(one);
      return [`seen${at}`, { type: "records", from: key, to: `${key}.`, limit: 1 }];
    }),
  );
}

/** Whether any of its keys is known. All of them are from now on. */
export function wasSeen({ dedupe }: Inbound, hours: number, turn: Turn): boolean {
  const keys = dedupe.slice(0, channelLimits.dedupeKeys);
  const known = keys.map((_, at) => (turn.loaded[`seen${at}`] as readonly RecordRow[]).length > 0);
  const until: Seen = turn.nowMs + hours * 3_600_000;
  keys.forEach((one, at) => {
    if (known[at] !== true) turn.put(seenKey(one), until);
  });
  return known.includes(true);
}

/** Has what is over removed, sooner or later. */
export function sweepLater(state: SessionState, turn: Turn): SessionState {
  if (state.isSwept) return state;
  turn.remind("sweep", turn.nowMs + channelLimits.seenSweepMs, { type: "sweep" });
  return { ...state, isSwept: true };
}

/** Reads a slice of the records. */
export function sweepReads(): Readonly<Record<string, ReadRequest>> {
  return { seen: { type: "records", from: "s.", to: "s/", limit: channelLimits.seenRows } };
}

/** Removes what is over. A slice that is full of what is not is no reason to look at once again. */
export function sweepSeen(state: SessionState, turn: Turn): SessionState {
  const rows = turn.loaded["seen"] as readonly RecordRow[];
  const over = rows.filter(({ value }) => (value as Seen) <= turn.nowMs);
  for (const { key } of over) turn.remove(key);
  if (rows.length === over.length && rows.length < channelLimits.seenRows) {
    return { ...state, isSwept: false };
  }
  const isMore = over.length === channelLimits.seenRows;
  turn.remind("sweep", turn.nowMs + (isMore ? 0 : channelLimits.seenSweepMs), { type: "sweep" });
  return state;
}
