// A trigger: when it sets its target to work, and what became of that. One actor, `trigger:<tenant>/<tr>`. What is
// due, whether it was heard of before and what is begun is decided in its turns, each one transaction: every
// occurrence is in the ledger once, and begun at most once, over crashes and clocks that are set.

import { createHash } from "node:crypto";
import {
  defineActor,
  type ReadRequest,
  type RecordRow,
  type RunEnded,
  type Turn,
} from "../../runtime/actor.ts";
import { addressParts } from "../../runtime/address.ts";
import type { Answered, Begun } from "../answered.ts";
import { sessionOfConversationTable } from "../channels/session-state.ts";
import type { ResourceRow } from "../records/resource.ts";
import { type TriggerInput, triggerKind, triggerLimits } from "../records/trigger.ts";
import { FILES_FROM, FILES_TO, type FilesSeen, filesChanged, filesRead } from "./files.ts";
import { heed } from "./heed.ts";
import { launchKind } from "./launch.ts";
import { type Heard, isFor } from "./listeners.ts";
import { occurrenceId, occurrencesTable } from "./occurrence.ts";
import { emptyTrigger, type Happened, TRIGGER_KIND, type TriggerState, viewOf } from "./state.ts";
import { due, follow } from "./times.ts";
import { endAll, isFull, launchEnded, occur, workBegun, workEnded } from "./work.ts";

/** Everything a trigger is told. */
export type TriggerMessage =
  /** Its record is about to be changed: it looks by itself where nobody comes to say that it was. */
  | { readonly type: "changing" }
  /** Its record was made, changed or removed. */
  | { readonly type: "set" }
  /** Answered with TriggerView. */
  | { readonly type: "describe" }
  /** Answered with `{occurrence}`, null where it was heard of before. @throws NOT_FOUND. */
  | Happened
  /** What it listens to has happened; what is nothing to it is let pass. */
  | Heard
  /** Its time has come; or, from outside, the clock was set back by more than `backMs`. */
  | { readonly type: "due" }
  /** Keys behind one of them, or all. */
  | { readonly type: "sweep"; readonly from?: string }
  | { readonly type: "clear" }
  /** What main has seen of the files it watches. */
  | FilesSeen
  /** Removes what it knows of files, a slice. */
  | { readonly type: "forget-files" }
  | Answered
  | Begun
  | RunEnded;

/** How long a change of its record may take. */
const CHANGING_MS = 30_000;
const DAY_MS = 86_400_000;
/** Keys of events looked at in one turn of a sweep, and rows removed in one. */
const SLICE = 200;

/** Kind `trigger`. */
export const triggerActor = defineActor<TriggerState, TriggerMessage>({
  kind: TRIGGER_KIND,
  version: 1,
  initial: (self) => ({ id: addressParts(self).root, ...emptyTrigger }),
  reads,
  receive(state, message, turn) {
    const record = (turn.loaded["record"] as ResourceRow<TriggerInput> | undefined)?.record;
    switch (message.type) {
      case "changing":
        turn.reply(null);
        turn.remind("changed", turn.nowMs + CHANGING_MS, { type: "set" });
        return state;
      case "describe":
        turn.reply(viewOf(state));
        return state;
      case "set":
        turn.reply(null);
        turn.forget("changed");
        if (record === undefined) return removed(heed(state, undefined, turn), turn);
        return follow(
          heed(unwatched({ ...state, removed: null }, record, turn), record, turn),
          record,
          turn,
        );
      case "happened":
        return happened(state, message, record, turn);
      case "heard":
        return heard(state, message, record, turn);
      case "due":
        return record === undefined ? state : due(state, record, turn);
      case "answered":
        return workEnded(state, message, record, turn);
      case "begun":
        return workBegun(state, message, turn);
      case "run-ended":
        return message.kind === launchKind ? launchEnded(state, message, record, turn) : state;
      case "sweep":
        return sweep(state, message.from !== undefined, turn);
      case "clear":
        return clear(state, turn);
      case "files":
        return filesChanged(state, message, record, turn);
      case "forget-files":
        return forgetFiles(state, turn);
    }
  },
});

function reads(
  message: TriggerMessage,
  { id }: TriggerState,
): Readonly<Record<string, ReadRequest>> {
  const record: ReadRequest = { type: "row", table: triggerKind.path, id };
  switch (message.type) {
    case "happened":
    case "heard": {
      const key = seenKey(message.key);
      return { record, seen: { type: "records", from: key, to: `${key}.`, limit: 1 } };
    }
    case "answered": {
      const { conversation } = message;
      return {
        record,
        opened: { type: "row", table: sessionOfConversationTable, id: conversation },
      };
    }
    case "sweep":
      return { seen: { type: "records", from: message.from ?? "s.", to: "s/", limit: SLICE } };
    case "clear":
      return { seen: { type: "records", from: "s.", to: "s/", limit: SLICE } };
    case "files":
      return { record, ...filesRead(message) };
    case "forget-files":
      return { files: { type: "records", from: FILES_FROM, to: FILES_TO, limit: SLICE } };
    default:
      return { record };
  }
}

const seenKey = (key: string): string =>
  `s.${createHash("sha256").update(key).digest("hex").slice(0, 32)}`;

/** Something happened: once for each key. */
function happened(
  before: TriggerState,
  { cause, key, atMs, data, depth }: Happened,
  record: TriggerInput | undefined,
  turn: Turn,
): TriggerState {
  if (record === undefined) {
    turn.refuse({ code: "NOT_FOUND", message: `Trigger ${before.id} does not exist.` });
    return before;
  }
  // Rows that say of which type it is may be older than its record.
  const isOther = cause !== "fire" && cause !== record.type;
  if (isOther || (turn.loaded["seen"] as readonly RecordRow[]).length > 0) {
    turn.reply({ occurrence: null });
    return before;
  }
  if (cause === "webhook" && isFull(before, record, data)) {
    // Who delivers it has it still, and sends it again.
    const message = "As many deliveries to this trigger wait as may: send it again later.";
    turn.refuse({ code: "MAILBOX_FULL", message });
    return before;
  }
  turn.put(seenKey(key), turn.nowMs + triggerLimits.seenDays * DAY_MS);
  const more = { ...(data !== undefined && { data }), ...(depth !== undefined && { depth }) };
  const state = occur(before, record, { cause, atMs, ...more }, turn);
  turn.reply({ occurrence: occurrenceId(state.id, state.sequence) });
  if (state.isSwept) return state;
  turn.remind("sweep", turn.nowMs + DAY_MS, { type: "sweep" });
  return { ...state, isSwept: true };
}

/** What it listens to has happened; a record that was changed meanwhile may say otherwise. */
function heard(
  state: TriggerState,
  { type: _, key, atMs, data, depth, ...occasion }: Heard,
  record: TriggerInput | undefined,
  turn: Turn,
): TriggerState {
  const { on, type } = record ?? {};
  if (type !== "event" || on?.of !== occasion.of || !isFor(on, occasion)) return state;
  const what: Happened = { type: "happened", cause: "event", key, atMs, data, depth };
  return happened(state, what, record, turn);
}

/** Removes keys that are over, slice by slice, and looks again a day after the last one. */
function sweep(state: TriggerState, isMore: boolean, turn: Turn): TriggerState {
  const rows = turn.loaded["seen"] as readonly RecordRow[];
  for (const { key, value } of rows) {
    if ((value as number) <= turn.nowMs) turn.remove(key);
  }
  const last = rows.at(-1);
  if (last !== undefined && rows.length === SLICE) {
    turn.remind("sweep", turn.nowMs, { type: "sweep", from: `${last.key}.` });
    return state;
  }
  const isEmpty = !isMore && rows.every(({ value }) => (value as number) <= turn.nowMs);
  if (isEmpty) return { ...state, isSwept: false };
  turn.remind("sweep", turn.nowMs + DAY_MS, { type: "sweep" });
  return state;
}

/** Its record is gone: nothing comes of it any more, and its rows go. */
function removed(state: TriggerState, turn: Turn): TriggerState {
  if (state.removed !== null) return state;
  for (const name of ["due", "sweep"]) turn.forget(name);
  turn.send(turn.self, { type: "clear" });
  if (state.files != null) turn.send(turn.self, { type: "forget-files" });
  const ended = endAll({ ...state, schedule: null, next: null, files: null }, turn);
  return { ...ended, removed: Math.max(0, state.sequence - triggerLimits.kept) };
}

/** A record that watches no files any more: what is known of them goes. */
function unwatched(state: TriggerState, { type }: TriggerInput, turn: Turn): TriggerState {
  if (state.files == null || type === "file_change") return state;
  turn.send(turn.self, { type: "forget-files" });
  return { ...state, files: null };
}

/** Removes a slice of what it knows of files; not where it watches some again, which looks at them itself. */
function forgetFiles(state: TriggerState, turn: Turn): TriggerState {
  if (state.files != null) return state;
  const rows = turn.loaded["files"] as readonly RecordRow[];
  for (const { key } of rows) turn.remove(key);
  if (rows.length === SLICE) turn.send(turn.self, { type: "forget-files" });
  return state;
}

/** Removes a slice of its rows and of the keys that it knows. What is still at work keeps its row until its end. */
function clear(state: TriggerState, turn: Turn): TriggerState {
  if (state.removed === null) return state;
  const rows = turn.loaded["seen"] as readonly RecordRow[];
  for (const { key } of rows) turn.remove(key);
  const to = Math.min(state.sequence, state.removed + SLICE);
  for (let at = state.removed + 1; at <= to; at += 1) {
    turn.putRow(occurrencesTable, occurrenceId(state.id, at), undefined);
  }
  if (to < state.sequence || rows.length === SLICE) turn.send(turn.self, { type: "clear" });
  return { ...state, removed: to };
}
