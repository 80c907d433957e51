// A trigger's schedule as time passes: what is due is begun, what was missed is made up for or told as skipped,
// and a clock that is set forward or back repeats nothing. Each nominal time is looked at once.

import type { Turn } from "../../runtime/actor.ts";
import { addressParts } from "../../runtime/address.ts";
import { type TriggerInput, triggerLimits } from "../records/trigger.ts";
import { type NewOccurrence, noted, type SkipReason } from "./occurrence.ts";
import { type Due, nextDue, scheduleKey } from "./schedule.ts";
import { counted, type TriggerState } from "./state.ts";
import { occur } from "./work.ts";

/** Name of the reminder. */
const REMINDER = "due";

/** Follows the record's schedule from now on; the same one goes on where it was. */
export function follow(state: TriggerState, record: TriggerInput, turn: Turn): TriggerState {
  if (record.type !== "schedule" || record.is_active === false) {
    turn.forget(REMINDER);
    return { ...state, schedule: null, next: null };
  }
  const schedule = scheduleKey(record);
  if (state.schedule === schedule) return state;
  const { root } = addressParts(turn.self);
  const next = nextDue(record, root, turn.nowMs);
  return awaiting({ ...state, schedule, next, seenMs: turn.nowMs }, turn);
}

/** The time of a trigger has come, or the clock was set back. */
export function due(state: TriggerState, record: TriggerInput, turn: Turn): TriggerState {
  const { next, seenMs } = state;
  if (next === null) return state;
  const seen = { ...state, seenMs: turn.nowMs };
  const { root } = addressParts(turn.self);
  if (turn.nowMs < seenMs - triggerLimits.backMs) {
    // What it was set by was no time at all: from now on it follows this one.
    return awaiting({ ...seen, next: nextDue(record, root, turn.nowMs) }, turn);
  }
  const { came, left, after } = cameDue(record, root, next, turn.nowMs);
  const isLate = ({ dueMs }: Due): boolean => turn.nowMs - dueMs > triggerLimits.lateMs;
  const missed = came.filter(isLate);
  const inTime = came.filter((each) => !isLate(each));
  let one = madeUp(seen, record, { missed, left, hasInTime: inTime.length > 0 }, turn);
  for (const time of inTime) one = begin(one, record, time, turn);
  return awaiting({ ...one, next: after }, turn);
}

/** Times from `first` on that are due; of very many `left` are not in the list. */
function cameDue(
  record: TriggerInput,
  trigger: string,
  first: Due,
  nowMs: number,
): {
  readonly came: readonly Due[];
  readonly left: { readonly fromMs: number; readonly untilMs: number } | null;
  readonly after: Due | null;
} {
  const came: Due[] = [];
  let after: Due | null = first;
  while (after !== null && after.dueMs <= nowMs && came.length < triggerLimits.missedLook) {
    came.push(after);
    after = nextDue(record, trigger, after.atMs);
  }
  if (after === null || after.dueMs > nowMs) return { came, left: null, after };
  // Those before the last minute are not counted; that minute is.
  const untilMs = Math.max(after.atMs, nowMs - triggerLimits.lateMs) - 1;
  const left = { fromMs: after.atMs, untilMs };
  after = nextDue(record, trigger, untilMs);
  while (after !== null && after.dueMs <= nowMs) {
    came.push(after);
    after = nextDue(record, trigger, after.atMs);
  }
  return { came, left, after };
}

/** What is done for times that were missed. */
function madeUp(
  state: TriggerState,
  record: TriggerInput,
  {
    missed,
    left,
    hasInTime,
  }: {
    readonly missed: readonly Due[];
    readonly left: { readonly fromMs: number; readonly untilMs: number } | null;
    readonly hasInTime: boolean;
  },
  turn: Turn,
): TriggerState {
  const policy = record.missed ?? "once";
  // One that is in time is the one run for all.
  const once = hasInTime ? 0 : 1;
  const kept = policy === "skip" ? 0 : policy === "once" ? once : triggerLimits.missed;
  const run = kept === 0 ? [] : missed.slice(-kept);
  const passed = missed.slice(0, missed.length - run.length);
  const why: SkipReason =
    policy === "skip" ? "missed" : policy === "once" ? "missed-once" : "too-many-missed";
  let next = state;
  if (passed.length > 0 || left !== null) {
    const fromMs = passed[0]?.atMs ?? left?.fromMs ?? turn.nowMs;
    const untilMs = Math.max(passed.at(-1)?.atMs ?? 0, left?.untilMs ?? 0);
    const count = left === null ? { count: passed.length } : {};
    const fields: NewOccurrence = { cause: "schedule", atMs: fromMs, untilMs, ...count };
    next = counted({ ...next, sequence: next.sequence + 1 }, "skipped");
    noted(turn, next.sequence, { ...fields, state: "skipped", why, endedAtMs: turn.nowMs });
  }
  for (const time of run) next = begin(next, record, time, turn);
  return next;
}

function begin(
  state: TriggerState,
  record: TriggerInput,
  { atMs, dueMs }: Due,
  turn: Turn,
): TriggerState {
  return occur(state, record, { cause: "schedule", atMs, lateMs: turn.nowMs - dueMs }, turn);
}

function awaiting(state: TriggerState, turn: Turn): TriggerState {
  if (state.next === null) turn.forget(REMINDER);
  else turn.remind(REMINDER, state.next.dueMs, { type: "due" });
  return state;
}
