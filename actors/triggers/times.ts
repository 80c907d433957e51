// A trigger's schedule as time passes: what is due is begun, what was missed is made up for or told as skipped,
// and a clock that is set forward or back repeats nothing. Each nominal time is looked at once.

import type { Turn } from "../../runtime/actor.ts";
import { addressParts } from "../../runtime/address.ts";
import { noteName } from "../figures.ts";
import { type TriggerInput, triggerLimits } from "../records/trigger.ts";
import { type NewOccurrence, noted, type SkipReason } from "./occurrence.ts";
import { type Due, nextDue, scheduleKey, type Times, timesOf } from "./schedule.ts";
import { counted, type TriggerState } from "./state.ts";
import { occur } from "./work.ts";

/** Name of the reminder. */
const REMINDER = "due";

/** Follows the record's schedule from now on; the same one goes on where it was. */
export function follow(before: TriggerState, record: TriggerInput, turn: Turn): TriggerState {
  const schedule = record.type === "schedule" ? scheduleKey(record) : null;
  const isPaused = record.is_active === false;
  if (before.schedule === schedule && (before.isPaused ?? false) === isPaused) return before;
  const state = settled(before, record, turn);
  const { root } = addressParts(turn.self);
  const next = schedule === null ? null : nextDue(record, root, followedFrom(state, record, turn));
  return awaiting({ ...state, schedule, isPaused, next, seenMs: turn.nowMs }, turn);
}

/** The time of a trigger has come, or the clock was set back. */
export function due(before: TriggerState, record: TriggerInput, turn: Turn): TriggerState {
  // Of a record that was changed the word may be on its way still, or come after a crash.
  const state = follow(before, record, turn);
  const { next, isPaused = false } = state;
  if (next === null || isPaused) return state;
  if (!isBack(state, turn)) return awaiting(come(state, { record, times: record }, turn), turn);
  // What it was set by was no time at all: from now on it follows this one.
  const { root } = addressParts(turn.self);
  const again = { throughMs: 0, next: nextDue(record, root, turn.nowMs), seenMs: turn.nowMs };
  return awaiting({ ...state, ...again }, turn);
}

const isBack = ({ seenMs }: TriggerState, { nowMs }: Turn): boolean =>
  nowMs < seenMs - triggerLimits.backMs;

/** After which time a new schedule is followed: what was looked at by the one before does not come again. */
function followedFrom(
  { throughMs = 0 }: TriggerState,
  { at }: TriggerInput,
  { nowMs }: Turn,
): number {
  if (throughMs - nowMs > triggerLimits.backMs) return nowMs;
  // A single time is meant, wherever the clock has been.
  if (at !== undefined && Date.parse(at) !== throughMs) return nowMs;
  return Math.max(nowMs, throughMs);
}

/** What came due until now by the schedule before; of a time that is still put off by jitter nothing is left over. */
function settled(before: TriggerState, record: TriggerInput, turn: Turn): TriggerState {
  const { schedule, next, isPaused = false } = before;
  if (schedule === null || next === null || isBack(before, turn)) return before;
  const times = timesOf(schedule);
  if (isPaused) return rested(before, next, times, turn);
  const state = come(before, { record, times }, turn);
  const put = state.next;
  if (put === null || put.atMs > turn.nowMs) return state;
  return { ...begin(state, record, { ...put, dueMs: turn.nowMs }, turn), throughMs: put.atMs };
}

/** Times that passed while it was paused are one row. */
function rested(state: TriggerState, next: Due, times: Times, turn: Turn): TriggerState {
  const first = { atMs: next.atMs, dueMs: next.atMs };
  const { came, left } = cameDue({ ...times, jitter: 0 }, "", first, turn.nowMs);
  return passedOver(looked(state, came, left), { passed: came, left, why: "paused" }, turn);
}

/** What is due by a schedule is begun, made up for or skipped. */
function come(
  state: TriggerState,
  { record, times }: { readonly record: TriggerInput; readonly times: Times },
  turn: Turn,
): TriggerState {
  const { next } = state;
  if (next === null) return state;
  const { root } = addressParts(turn.self);
  const { came, left, after } = cameDue(times, root, next, turn.nowMs);
  const isLate = ({ dueMs }: Due): boolean => turn.nowMs - dueMs > triggerLimits.lateMs;
  const missed = came.filter(isLate);
  const inTime = came.filter((each) => !isLate(each));
  const seen = { ...looked(state, came, left), seenMs: turn.nowMs };
  let one = madeUp(seen, record, { missed, left, hasInTime: inTime.length > 0 }, turn);
  for (const time of inTime) one = begin(one, record, time, turn);
  return { ...one, next: after };
}

/** Knows which times were looked at. */
function looked(state: TriggerState, came: readonly Due[], left: Left | null): TriggerState {
  const { throughMs = 0 } = state;
  const lastMs = Math.max(came.at(-1)?.atMs ?? 0, left?.untilMs ?? 0);
  return { ...state, throughMs: Math.max(throughMs, lastMs) };
}

/** Very many times that are not in a list. */
interface Left {
  readonly fromMs: number;
  readonly untilMs: number;
}

/** Times from `first` on that are due; of very many `left` are not in the list. */
function cameDue(
  times: Times,
  trigger: string,
  first: Due,
  nowMs: number,
): {
  readonly came: readonly Due[];
  readonly left: Left | null;
  readonly after: Due | null;
} {
  const came: Due[] = [];
  let after: Due | null = first;
  while (after !== null && after.dueMs <= nowMs && came.length < triggerLimits.missedLook) {
    came.push(after);
    after = nextDue(times, trigger, after.atMs);
  }
  if (after === null || after.dueMs > nowMs) return { came, left: null, after };
  // Those before the last minute are not counted; that minute is.
  const untilMs = Math.max(after.atMs, nowMs - triggerLimits.lateMs) - 1;
  const left = { fromMs: after.atMs, untilMs };
  after = nextDue(times, trigger, untilMs);
  while (after !== null && after.dueMs <= nowMs) {
    came.push(after);
    after = nextDue(times, trigger, after.atMs);
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
    readonly left: Left | null;
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
  let next = passedOver(state, { passed, left, why }, turn);
  for (const time of run) next = begin(next, record, time, turn);
  return next;
}

/** One row for all that were skipped together. */
function passedOver(
  state: TriggerState,
  { passed, left, why }: { passed: readonly Due[]; left: Left | null; why: SkipReason },
  turn: Turn,
): TriggerState {
  if (passed.length === 0 && left === null) return state;
  const fromMs = passed[0]?.atMs ?? left?.fromMs ?? turn.nowMs;
  const untilMs = Math.max(passed.at(-1)?.atMs ?? 0, left?.untilMs ?? 0);
  const count = left === null ? { count: passed.length } : {};
  const fields: NewOccurrence = { cause: "schedule", atMs: fromMs, untilMs, ...count };
  const next = counted({ ...state, sequence: state.sequence + 1 }, "skipped");
  noted(turn, next.sequence, { ...fields, state: "skipped", why, endedAtMs: turn.nowMs });
  turn.note(noteName("occurrence", "schedule", `skipped_${why}`), 0);
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
  if (state.next === null || state.isPaused) turn.forget(REMINDER);
  else turn.remind(REMINDER, state.next.dueMs, { type: "due" });
  return state;
}
