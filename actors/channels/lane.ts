// The outbox of one conversation at a platform: one actor, `delivery-lane:<tenant>/<dl>`. What is to be said
// there is said in the order in which it was decided, one delivery at a time, so that a slow conversation
// delays no other one. Each delivery is a row; lists and operators read those.

import {
  defineActor,
  type ReadRequest,
  type RecordRow,
  type RunEnded,
  type Turn,
} from "../../runtime/actor.ts";
import { addressParts } from "../../runtime/address.ts";
import { deliveryKind } from "./delivery.ts";
import {
  type Delivered,
  type Delivery,
  type DeliveryEnd,
  type DeliveryRow,
  deliveriesTable,
  deliveryStateId,
  deliveryStatesTable,
} from "./delivery-row.ts";
import type { StatusEvent } from "./inbound.ts";
import { laneRemoved, laneRemovedReads } from "./lane-removed.ts";
import type { LaneState } from "./lane-state.ts";
import { channelLimits } from "./limits.ts";
import { withMade } from "./made-files.ts";
import { type MadeFile, outgoingFilesTable } from "./outgoing.ts";
import type { ChannelRemoved } from "./removed-message.ts";
import { seenKey, sessionAddress } from "./session-key.ts";

/** What it is told. */
export type LaneMessage =
  /** `refused`: why it is not sent unless an operator wants it. */
  | {
      readonly type: "deliver";
      readonly delivery: Delivery;
      readonly refused?: string;
      readonly made?: readonly MadeFile[];
    }
  /** Once more: answered with `{status}`. @throws NOT_FOUND, CONFLICT while it is on its way or was sent. */
  | { readonly type: "again"; readonly id: string; readonly deliverByMs: number }
  /** What the platform says of a message; then of which delivery that is. */
  | { readonly type: "status"; readonly event: StatusEvent }
  | { readonly type: "seen"; readonly id: string; readonly event: StatusEvent }
  | { readonly type: "sweep" }
  | ChannelRemoved
  | RunEnded;

/** Record of a delivery that is over, `e.<dv>`: ids sort by time. */
interface Over {
  readonly endedAtMs: number;
  readonly channel: string;
  readonly status: DeliveryRow["status"];
  readonly receipts: readonly string[];
  /** Files that go with it. */
  readonly files?: readonly string[];
}

/** Record of a receipt, `s.<hash>`: the delivery that it is of. */
interface Named {
  readonly delivery: string;
}

/** What is known at the other side, in its order: what comes late takes nothing back. */
const SEEN = ["sent", "delivered", "read", "failed"] as const;

/** Kind `delivery-lane`. */
export const laneActor = defineActor<LaneState, LaneMessage>({
  kind: "delivery-lane",
  version: 1,
  initial: () => ({ waiting: [], current: null, isSwept: false }),
  reads,
  receive(state, message, turn) {
    switch (message.type) {
      case "deliver":
        return deliver(state, message, turn);
      case "again":
        return again(state, message, turn);
      case "status":
        return named(state, message.event, turn);
      case "seen":
        return seen(state, message.event, turn);
      case "sweep":
        return sweep(state, turn);
      case "channel-removed":
        return laneRemoved(state, message, { over, drop }, turn);
      case "run-ended":
        return ended(state, message, turn);
    }
  },
});

function reads(message: LaneMessage, state: LaneState): Readonly<Record<string, ReadRequest>> {
  const row = (id: string): ReadRequest => ({ type: "row", table: deliveriesTable, id });
  switch (message.type) {
    case "again":
    case "seen":
      return { row: row(message.id) };
    case "status": {
      const key = seenKey(message.event.receipt);
      return { named: { type: "records", from: key, to: `${key}.`, limit: 1 } };
    }
    case "run-ended": {
      const [next] = state.waiting;
      return {
        ...(state.current !== null && { row: row(state.current.id) }),
        ...(next !== undefined && { next: row(next) }),
      };
    }
    case "sweep":
      return {
        over: { type: "records", from: "e.", to: "e/", limit: channelLimits.deliveriesKept },
      };
    case "channel-removed":
      return laneRemovedReads(state);
    default:
      return {};
  }
}

function deliver(
  state: LaneState,
  { delivery, refused, made }: LaneMessage & { readonly type: "deliver" },
  turn: Turn,
): LaneState {
  if (state.removed !== undefined) return state;
  const row: DeliveryRow = {
    ...delivery,
    outgoing: withMade(delivery.outgoing, made, turn),
    lane: addressParts(turn.self).root,
    ...{ status: "pending", attempts: 0, reason: null, receipts: [], seen: null },
    ...{ replays: 0, endedAtMs: null },
  };
  const isFull = state.waiting.length >= channelLimits.laneWaiting;
  if (isFull || refused !== undefined) {
    const full = `Already ${channelLimits.laneWaiting} answers wait in this conversation.`;
    const reason = refused ?? full;
    return over(state, row, { status: "failed", reason, attempts: 0, receipts: [] }, turn);
  }
  return startOrWait(state, row, turn);
}

function startOrWait(state: LaneState, row: DeliveryRow, turn: Turn): LaneState {
  if (state.current === null) return start(state, row, turn);
  put({ ...row, status: "pending" }, row.status, turn);
  return { ...state, waiting: [...state.waiting, row.id] };
}

function start(state: LaneState, row: DeliveryRow, turn: Turn): LaneState {
  const { id, channel, session, address, outgoing, about, createdAtMs, deliverByMs } = row;
  const input: Delivery = {
    ...{ id, channel, session, address, outgoing, about, createdAtMs, deliverByMs },
    ...(row.receipts.length > 0 && { arrived: row.receipts.length }),
    ...(row.conversation !== undefined && { conversation: row.conversation }),
    ...(row.isTemplate && { isTemplate: true as const }),
    ...(row.preview !== undefined && { preview: row.preview }),
  };
  const timeoutMs = Math.max(0, deliverByMs - turn.nowMs) + channelLimits.deliveryGraceMs;
  const run = turn.startRun({ kind: deliveryKind, input, timeoutMs });
  put({ ...row, status: "sending" }, row.status, turn);
  return { ...state, current: { id, run } };
}

function ended(state: LaneState, { run, outcome }: RunEnded, turn: Turn): LaneState {
  if (state.current?.run !== run) return state;
  const row = turn.loaded["row"] as DeliveryRow | undefined;
  const end: DeliveryEnd =
    outcome.status === "completed"
      ? (outcome.result as DeliveryEnd)
      : {
          // A run that is cut may have been cut in a call.
          status: "unknown",
          reason: outcome.error.message.slice(0, 300),
          ...{ attempts: row?.attempts ?? 0, receipts: [] },
        };
  const idle = { ...state, current: null };
  const after = row === undefined ? idle : over(idle, row, end, turn);
  if (after.removed !== undefined) {
    turn.send(turn.self, { type: "channel-removed", channel: after.removed });
    return after;
  }
  const [, ...waiting] = after.waiting;
  if (after.waiting.length === 0) return after;
  const next = turn.loaded["next"] as DeliveryRow | undefined;
  const rest = { ...after, waiting };
  // Nobody removes a row that waits.
  return next === undefined ? rest : start(rest, next, turn);
}

/** What became of it is in the row, and told to its session. */
function over(state: LaneState, row: DeliveryRow, end: DeliveryEnd, turn: Turn): LaneState {
  const ended: DeliveryRow = {
    ...row,
    ...end,
    attempts: row.attempts + end.attempts,
    receipts: [...row.receipts, ...end.receipts].slice(-channelLimits.parts),
    seen: end.status === "sent" ? (row.seen ?? "sent") : row.seen,
    endedAtMs: turn.nowMs,
  };
  put(ended, row.status, turn);
  const receipts = end.receipts.map(({ id }) => id);
  for (const receipt of receipts) {
    const named: Named = { delivery: row.id };
    turn.put(seenKey(receipt), named);
  }
  const record: Over = {
    ...{ endedAtMs: turn.nowMs, channel: row.channel, status: end.status },
    receipts: ended.receipts.map(({ id }) => id),
    ...(row.outgoing.files && { files: row.outgoing.files.map(({ id }) => id) }),
  };
  turn.put(`e.${row.id}`, record);
  if (row.session !== null) {
    const { status, reason } = end;
    const told: Delivered = {
      ...{ type: "delivered", delivery: row.id, about: row.about, status, reason },
      receipts: end.receipts,
    };
    turn.send(sessionAddress(addressParts(turn.self).tenant, row.session), told);
  }
  if (state.isSwept) return state;
  turn.remind("sweep", turn.nowMs + channelLimits.deliverySweepMs, { type: "sweep" });
  return { ...state, isSwept: true };
}

function again(
  state: LaneState,
  { id, deliverByMs }: LaneMessage & { readonly type: "again" },
  turn: Turn,
): LaneState {
  const row = turn.loaded["row"] as DeliveryRow | undefined;
  if (row === undefined) {
    turn.refuse({ code: "NOT_FOUND", message: `There is no delivery ${id}.` });
    return state;
  }
  const { status } = row;
  if (status === "pending" || status === "sending" || status === "sent") {
    const message = `Delivery ${id} is ${status}: there is nothing to send again.`;
    turn.refuse({ code: "CONFLICT", message, details: { status } });
    return state;
  }
  turn.remove(`e.${id}`);
  const { isTemplate, ...rest } = row;
  // What was refused afterwards has not arrived.
  const receipts = isTemplate ? [] : rest.receipts;
  const replays = rest.replays + 1;
  const renewed = { ...rest, receipts, deliverByMs, replays, reason: null, endedAtMs: null };
  turn.reply({ status: "pending" });
  return startOrWait(state, renewed, turn);
}

function named(state: LaneState, event: StatusEvent, turn: Turn): LaneState {
  const [record] = (turn.loaded["named"] ?? []) as readonly RecordRow[];
  // Of another's message, or it has come before the answer to our call: keys of our own say whose it is.
  const id = (record?.value as Named | undefined)?.delivery ?? event.key?.split(".")[0];
  if (id?.startsWith("dv_")) turn.send(turn.self, { type: "seen", id, event });
  return state;
}

function seen(state: LaneState, event: StatusEvent, turn: Turn): LaneState {
  const row = turn.loaded["row"] as DeliveryRow | undefined;
  if (row === undefined || row.lane !== addressParts(turn.self).root) return state;
  const known = row.seen === null ? -1 : SEEN.indexOf(row.seen);
  if (SEEN.indexOf(event.state) <= known) return state;
  const isThere = event.state !== "failed";
  if (isThere && row.status === "unknown" && event.key === `${row.id}.${row.receipts.length}`) {
    return arrived(state, row, event, turn);
  }
  if (isThere) {
    put({ ...row, seen: event.state }, row.status, turn);
    return state;
  }
  const reason = event.reason ?? "The platform says that it was not delivered.";
  if (row.status === "sending") {
    put({ ...row, seen: "failed", reason }, row.status, turn);
    return state;
  }
  if (event.failure === "window" && row.isTemplate === undefined) {
    turn.remove(`e.${row.id}`);
    return startOrWait(state, { ...row, seen: "failed", reason, isTemplate: true }, turn);
  }
  const end = { status: "failed", reason, attempts: 0, receipts: [] } as const;
  return over(state, { ...row, seen: "failed" }, end, turn);
}

/** The part that may have arrived has: what comes after it is sent now. */
function arrived(state: LaneState, row: DeliveryRow, event: StatusEvent, turn: Turn): LaneState {
  const named: Named = { delivery: row.id };
  turn.put(seenKey(event.receipt), named);
  turn.remove(`e.${row.id}`);
  const seen = event.state === "failed" ? row.seen : event.state;
  const receipts = [...row.receipts, { id: event.receipt }];
  return startOrWait(state, { ...row, receipts, seen, reason: null, endedAtMs: null }, turn);
}

/** The oldest go: those over their time, and those over the number. */
function sweep(state: LaneState, turn: Turn): LaneState {
  const rows = turn.loaded["over"] as readonly RecordRow[];
  const isFull = rows.length === channelLimits.deliveriesKept;
  const cut = isFull ? Math.ceil(rows.length / 2) : 0;
  const old = rows.filter(
    ({ value }, at) =>
      at < cut || (value as Over).endedAtMs <= turn.nowMs - channelLimits.deliveryKeptMs,
  );
  drop(old, turn);
  if (rows.length === old.length) return { ...state, isSwept: false };
  turn.remind("sweep", turn.nowMs + channelLimits.deliverySweepMs, { type: "sweep" });
  return { ...state, isSwept: true };
}

/** Deliveries that are over go, with all that is of them. */
function drop(old: readonly RecordRow[], turn: Turn): void {
  for (const { key, value } of old) {
    const { channel, status, receipts, files = [] } = value as Over;
    const id = key.slice("e.".length);
    turn.remove(key);
    turn.putRow(deliveriesTable, id, undefined);
    turn.putRow(deliveryStatesTable, deliveryStateId({ channel, status, id }), undefined);
    for (const receipt of receipts) turn.remove(seenKey(receipt));
    for (const file of files) turn.putRow(outgoingFilesTable, file, undefined);
  }
}

function put(row: DeliveryRow, before: DeliveryRow["status"], turn: Turn): void {
  turn.putRow(deliveriesTable, row.id, row);
  if (before !== row.status) {
    turn.putRow(deliveryStatesTable, deliveryStateId({ ...row, status: before }), undefined);
  }
  turn.putRow(deliveryStatesTable, deliveryStateId(row), null);
}
