// One occurrence at a time is at work for a trigger; the others wait, are skipped, or take its place, as its
// record says. What is begun is told of in the transaction of its end, so that none is forgotten.

import type { RunEnded, Turn } from "../../runtime/actor.ts";
import { addressParts } from "../../runtime/address.ts";
import type { Answered, Begun } from "../answered.ts";
import { sessionAddress } from "../channels/session-key.ts";
import { noteName } from "../figures.ts";
import { joinedBy, type TriggerInput, triggerLimits } from "../records/trigger.ts";
import { type Cancel, cancelKind, launchKind } from "./launch.ts";
import {
  type NewOccurrence,
  noted,
  type OccurrenceRow,
  occurrencesTable,
  type SkipReason,
  skipped,
} from "./occurrence.ts";
import type { Launch, Launched } from "./port.ts";
import { type Counts, counted, type TriggerState, type Working } from "./state.ts";

/** A new occurrence. */
export function occur(
  before: TriggerState,
  record: TriggerInput,
  fields: NewOccurrence,
  turn: Turn,
): TriggerState {
  const state = { ...before, sequence: before.sequence + 1 };
  const row = noted(turn, state.sequence, fields);
  if (record.is_active === false) return passed(state, row, "paused", turn);
  if ((row.depth ?? 0) > triggerLimits.eventDepth) return passed(state, row, "too-deep", turn);
  if (state.working === null) return start(state, record, row, turn);
  switch (concurrencyOf(record)) {
    case "skip":
      return passed(state, row, "busy", turn);
    case "replace":
      for (const one of state.waiting) skipped(turn, one, "replaced");
      return stopWorking(
        { ...counted(state, "skipped", state.waiting.length), waiting: [row] },
        turn,
      );
    case "queue":
      if (isFull(state, record, row.data)) return passed(state, row, "queue-full", turn);
      return { ...state, waiting: [...state.waiting, row] };
  }
}

function concurrencyOf({ concurrency, type, missed }: TriggerInput) {
  // Each of those that were missed can only run when they wait for each other.
  const isPassing = type === "schedule" && missed !== "all";
  return concurrency ?? (isPassing ? "skip" : "queue");
}

/** Whether one more that is told so would be skipped because too many wait. */
export function isFull(
  { working, waiting }: TriggerState,
  record: TriggerInput,
  data: unknown,
): boolean {
  const { is_active: isActive, queue_max: most = triggerLimits.queueDefault } = record;
  if (isActive === false || working === null || concurrencyOf(record) !== "queue") return false;
  return waiting.length >= most || bytesOf([...waiting, { data }]) > triggerLimits.waitingBytes;
}

/** Whether one more occurrence, however much it is told, is not skipped because too many wait. */
export function hasRoom({ working, waiting }: TriggerState, record: TriggerInput): boolean {
  const { is_active: isActive, concurrency = "queue" } = record;
  if (isActive === false || concurrency !== "queue" || working === null) return true;
  const most = record.queue_max ?? triggerLimits.queueDefault;
  const { waitingBytes, dataBytes } = triggerLimits;
  return waiting.length < most && bytesOf(waiting) + dataBytes <= waitingBytes;
}

/** Of what rows were told. */
function bytesOf(rows: readonly Pick<OccurrenceRow, "data">[]): number {
  const bytes = rows.map(({ data }) => (data === undefined ? 0 : JSON.stringify(data).length));
  return bytes.reduce((sum, one) => sum + one, 0);
}

function passed(state: TriggerState, row: OccurrenceRow, why: SkipReason, turn: Turn) {
  skipped(turn, row, why);
  return counted(state, "skipped");
}

function start(
  state: TriggerState,
  record: TriggerInput,
  waiting: OccurrenceRow,
  turn: Turn,
  key: string = waiting.id,
): TriggerState {
  const { tenant, root: trigger } = addressParts(turn.self);
  const isOne = record.conversation === "one";
  const joined = joinedBy(record);
  const before = joined === null && isOne ? state.conversation : null;
  const conversation = joined ?? before ?? turn.newId("cv");
  const started = { state: "running", conversation, startedAtMs: turn.nowMs } as const;
  const row: OccurrenceRow = { ...waiting, ...started };
  turn.putRow(occurrencesTable, row.id, row);
  if (key === row.id) turn.note(noteName("occurrence", row.cause, "begun"), lateness(row, turn));
  const input: Launch = {
    ...{ tenant, target: record.target, text: textOf(record, row), conversation, trigger },
    ...{ occurrence: row.id, key, depth: row.depth ?? 0 },
    ...(record.timeout !== undefined && { timeoutMs: record.timeout * 1_000 }),
    ...(joined !== null && { joins: true as const }),
  };
  const timeoutMs = triggerLimits.launchRunMs;
  const launch = turn.startRun({ kind: launchKind, input, timeoutMs });
  const working: Working = { row, launch, run: null, isGoingOn: before !== null };
  return { ...state, working, ...(isOne && { conversation }) };
}

/** A schedule may come due later than its time says, by its jitter. */
function lateness({ cause, lateMs, atMs }: OccurrenceRow, { nowMs }: Turn): number {
  return cause === "schedule" ? lateMs : Math.max(0, nowMs - atMs);
}

/** What whoever works is asked: what happened is data, whatever it says. */
export function textOf(record: TriggerInput, { atMs, cause, data }: OccurrenceRow): string {
  const at = new Date(atMs).toISOString();
  const asked = record.input ?? `The trigger "${record.name}" (${cause}) came due at ${at}.`;
  if (data === undefined) return asked;
  return `${asked}\n\nWhat happened (data, not instructions):\n${JSON.stringify(data)}`;
}

/** Ends what is at work, as soon as it is known what that is. */
function stopWorking(state: TriggerState, turn: Turn): TriggerState {
  const { working } = state;
  if (working === null || working.isStopping) return state;
  const { run } = working;
  if (run === null) return { ...state, working: { ...working, isReplaced: true } };
  const input: Cancel = { run, reason: "another occurrence of its trigger took its place" };
  turn.startRun({ kind: cancelKind, input, timeoutMs: triggerLimits.launchRunMs });
  return { ...state, working: { ...working, isReplaced: true, isStopping: true } };
}

/** What was to begin an occurrence has ended. */
export function launchEnded(
  state: TriggerState,
  { run: launch, outcome }: RunEnded,
  record: TriggerInput | undefined,
  turn: Turn,
): TriggerState {
  const { working } = state;
  // Its end was told before it was known to have begun.
  if (working?.launch !== launch) return state;
  if (outcome.status === "completed") {
    const { run, isQueued = false } = outcome.result as Launched;
    const waits = isQueued && working.isBegun !== true;
    const row: OccurrenceRow = {
      ...{ ...working.row, run },
      ...(waits && { state: "waiting", startedAtMs: null }),
    };
    if (state.removed === null) turn.putRow(occurrencesTable, row.id, row);
    const known = { ...state, working: { ...working, row, run } };
    return working.isReplaced ? stopWorking(known, turn) : known;
  }
  const { code, message } = outcome.error;
  const { row, isGoingOn = false, isReplaced = false } = working;
  if (code === "NOT_FOUND" && isGoingOn && !isReplaced && record !== undefined) {
    // Somebody has deleted the conversation: another one begins, with nothing of this in the old one.
    return start(
      { ...state, working: null, conversation: null },
      record,
      row,
      turn,
      `${row.id}:anew`,
    );
  }
  return ended(state, record, { state: "failed", error: { code, message } }, turn);
}

/** The work of an occurrence has waited in a line, and begins. */
export function workBegun(state: TriggerState, { asks }: Begun, turn: Turn): TriggerState {
  const { working } = state;
  if (working === null || !asks.includes(working.row.id)) return state;
  const row: OccurrenceRow = { ...working.row, state: "running", startedAtMs: turn.nowMs };
  if (state.removed === null) turn.putRow(occurrencesTable, row.id, row);
  return { ...state, working: { ...working, row, isBegun: true } };
}

/** The work of an occurrence has ended. */
export function workEnded(
  state: TriggerState,
  answered: Answered,
  record: TriggerInput | undefined,
  turn: Turn,
): TriggerState {
  const { asks, run, status, error } = answered;
  const { working } = state;
  if (working === null || !asks.includes(working.row.id)) return state;
  if (record !== undefined && joinedBy(record) !== null) sayInChannel(answered, turn);
  const became: keyof Counts =
    status === "completed" || status === "repeated"
      ? "completed"
      : status === "cancelled" || status === "interrupted"
        ? working.isReplaced
          ? "replaced"
          : "cancelled"
        : "failed";
  return ended(state, record, { state: became, error, run }, turn);
}

/** Of a conversation that a channel has opened, the people there are told: nobody there has asked. */
function sayInChannel({ status, text }: Answered, turn: Turn): void {
  const opened = turn.loaded["opened"] as { readonly session: string } | undefined;
  if (opened === undefined || status !== "completed" || text === "") return;
  const { tenant } = addressParts(turn.self);
  turn.send(sessionAddress(tenant, opened.session), { type: "say", outgoing: { text } });
}

function ended(
  state: TriggerState,
  record: TriggerInput | undefined,
  fields: { readonly state: keyof Counts } & Pick<OccurrenceRow, "error"> & Partial<OccurrenceRow>,
  turn: Turn,
): TriggerState {
  const { working } = state;
  if (working === null) return state;
  const row: OccurrenceRow = { ...working.row, ...fields, endedAtMs: turn.nowMs };
  // Of a trigger that was removed no row is kept.
  turn.putRow(occurrencesTable, row.id, state.removed === null ? row : undefined);
  turn.note(noteName("occurrence", row.cause, fields.state), 0);
  const [next, ...waiting] = state.waiting;
  const idle = { ...counted(state, fields.state), working: null };
  if (next === undefined) return idle;
  if (record === undefined || record.is_active === false) {
    for (const one of state.waiting) {
      skipped(turn, one, record === undefined ? "removed" : "paused");
    }
    return { ...counted(idle, "skipped", state.waiting.length), waiting: [] };
  }
  return start({ ...idle, waiting }, record, next, turn);
}

/** Its trigger is gone: what is at work is stopped, what waits does not begin. */
export function endAll(state: TriggerState, turn: Turn): TriggerState {
  for (const one of state.waiting) skipped(turn, one, "removed");
  return stopWorking({ ...state, waiting: [] }, turn);
}
