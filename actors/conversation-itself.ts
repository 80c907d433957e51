// What a conversation is told of itself beside messages: how it stands, its title, its end.

import type { RecordRow, Turn } from "../runtime/actor.ts";
import { addressParts } from "../runtime/address.ts";
import type { ErrorCode } from "../runtime/errors.ts";
import { approvalsAddress } from "./approvals/approval.ts";
import { startForgetting, startNext } from "./conversation-end.ts";
import { type ConversationState, rowId, rowOf } from "./conversation-state.ts";
import { dropPictures } from "./conversation-withheld.ts";
import { limits } from "./limits.ts";
import { type ConversationDescription, conversationsTable } from "./records/conversation.ts";
import { giveRoom } from "./records/tenant-limits.ts";

/** A title made of what was said. */
export function titleOf(text: string): string {
  const line = text
    .slice(0, 4 * limits.titleChars)
    .replaceAll(/\s+/g, " ")
    .trim();
  return line.length <= limits.titleChars ? line : `${line.slice(0, limits.titleChars - 1)}…`;
}

/** How it stands. */
export function describe(state: ConversationState, turn: Turn): ConversationState {
  const description: ConversationDescription = {
    row: rowOf(state, addressParts(turn.self).root),
    running: state.current?.run ?? null,
    waiting: state.waiting.map((entry) => entry.run),
  };
  turn.reply(description);
  return state;
}

/** Cancels the run under way and everything that waits behind it. */
export function cancel(state: ConversationState, reason: string, turn: Turn): ConversationState {
  const row = rowOf(state, addressParts(turn.self).root);
  if (row === null) return refuse(state, turn, "NOT_FOUND", "There is no such conversation.");
  turn.reply({ cancelled: cancelAll(state, reason, turn) });
  return state;
}

function cancelAll(state: ConversationState, reason: string, turn: Turn): readonly string[] {
  const own = state.current === null ? state.waiting : [state.current, ...state.waiting];
  const entries = [...own, ...(state.forks ?? [])];
  for (const entry of entries) turn.cancelRun(entry.run, reason);
  return entries.map((entry) => entry.run);
}

/** Gives it another title. */
export function rename(state: ConversationState, title: string, turn: Turn): ConversationState {
  const { root } = addressParts(turn.self);
  const next = { ...state, title: titleOf(title), updatedAtMs: turn.nowMs };
  const row = rowOf(next, root);
  if (row === null) return refuse(state, turn, "NOT_FOUND", "There is no such conversation.");
  turn.reply(row);
  return next;
}

/** Gone for everybody at once; the records follow in slices, so that no turn grows with them. */
export function remove(state: ConversationState, turn: Turn): ConversationState {
  const { root } = addressParts(turn.self);
  const row = rowOf(state, root);
  if (row === null) return refuse(state, turn, "NOT_FOUND", "There is no such conversation.");
  cancelAll(state, "the conversation was deleted", turn);
  if (state.isCounted) giveRoom(turn, "conversations");
  turn.putRow(conversationsTable, rowId(row.agent_key, root), undefined);
  turn.send(turn.self, { type: "purge" });
  turn.send(approvalsAddress(addressParts(turn.self).tenant, root), { type: "purge" });
  startForgetting(state, turn);
  turn.reply({ deleted: true });
  return { ...state, title: "", collected: null, deleted: true };
}

/** Removes a slice of its records. */
export function purge(state: ConversationState, turn: Turn): ConversationState {
  const rows = (turn.loaded["rows"] ?? []) as readonly RecordRow[];
  for (const { key, value } of rows) {
    dropPictures(value, turn);
    turn.remove(key);
  }
  if (rows.length === limits.purgeRecords) turn.send(turn.self, { type: "purge" });
  return state.current === null ? startNext(state, turn) : state;
}

/** Refuses what was asked. */
export function refuse(
  state: ConversationState,
  turn: Turn,
  code: ErrorCode,
  message: string,
): ConversationState {
  turn.refuse({ code, message });
  return state;
}
