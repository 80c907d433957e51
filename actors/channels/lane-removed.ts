// A lane whose channel was removed: what waits there is dead, what is under way is cut, and then its rows and
// records go, some in a turn. It stays closed: what is still said to it is nothing.

import type { ReadRequest, RecordRow, Turn } from "../../runtime/actor.ts";
import { type DeliveryEnd, type DeliveryRow, deliveriesTable } from "./delivery-row.ts";
import type { LaneState } from "./lane-state.ts";
import { type ChannelRemoved, REMOVED_REASON } from "./removed-message.ts";

/** Deliveries that wait, and records, of one turn. */
const WAITING_AT_ONCE = 50;
const RECORDS_AT_ONCE = 200;

/** What a lane does for it. */
export interface LaneParts {
  over(state: LaneState, row: DeliveryRow, end: DeliveryEnd, turn: Turn): LaneState;
  /** Removes deliveries that are over with all that is of them. */
  drop(rows: readonly RecordRow[], turn: Turn): void;
}

/** What it removes in one turn. */
export function laneRemovedReads({ waiting }: LaneState): Readonly<Record<string, ReadRequest>> {
  const rows = waiting
    .slice(0, WAITING_AT_ONCE)
    .map((id): [string, ReadRequest] => [id, { type: "row", table: deliveriesTable, id }]);
  return {
    ...Object.fromEntries(rows),
    over: { type: "records", from: "e.", to: "e/", limit: RECORDS_AT_ONCE },
    receipts: { type: "records", from: "s.", to: "s/", limit: RECORDS_AT_ONCE },
  };
}

/** One turn of it; comes again while there is more. */
export function laneRemoved(
  state: LaneState,
  message: ChannelRemoved,
  { over, drop }: LaneParts,
  turn: Turn,
): LaneState {
  const closed: LaneState = { ...state, removed: message.channel };
  turn.forget("sweep");
  // Its end comes as a message, and says this to the lane again.
  if (state.current !== null) {
    turn.cancelRun(state.current.run, REMOVED_REASON);
    return closed;
  }
  if (state.waiting.length > 0) {
    const now = state.waiting.slice(0, WAITING_AT_ONCE);
    let next: LaneState = { ...closed, isSwept: true };
    for (const id of now) {
      const row = turn.loaded[id] as DeliveryRow | undefined;
      const end = { status: "failed", reason: REMOVED_REASON, attempts: 0, receipts: [] } as const;
      if (row !== undefined) next = over(next, row, end, turn);
    }
    turn.send(turn.self, message);
    return { ...next, waiting: state.waiting.slice(WAITING_AT_ONCE) };
  }
  const gone = turn.loaded["over"] as readonly RecordRow[];
  const receipts = turn.loaded["receipts"] as readonly RecordRow[];
  drop(gone, turn);
  for (const { key } of receipts) turn.remove(key);
  if (Math.max(gone.length, receipts.length) === RECORDS_AT_ONCE) turn.send(turn.self, message);
  return { ...closed, isSwept: false };
}
