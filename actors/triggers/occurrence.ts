// The ledger of a trigger: a row for each time that it came due and for each thing that happened to it, with what
// became of it and why. Rows are numbered in the order in which they came; the oldest go.

import type { Turn } from "../../runtime/actor.ts";
import { addressParts } from "../../runtime/address.ts";
import { noteName } from "../figures.ts";
import { triggerLimits } from "../records/trigger.ts";

/** Table of occurrences; rows `tr_x.000000000001`. */
export const occurrencesTable = "trigger-occurrences";

/** What brought it about. */
export type Cause = "schedule" | "fire" | "webhook" | "file_change" | "event" | "startup";

/** What became of it, so far; `replaced`: another one took its place while it was at work. */
export const occurrenceStates = [
  ...(["waiting", "running", "completed", "failed", "cancelled", "replaced"] as const),
  "skipped",
] as const;

/** One of them. */
export type OccurrenceState = (typeof occurrenceStates)[number];

/** Why one was not run. */
export const skipReasons = [
  ...(["missed", "missed-once", "too-many-missed", "busy", "queue-full"] as const),
  ...(["replaced", "paused", "removed", "too-deep"] as const),
] as const;

/** One of them. */
export type SkipReason = (typeof skipReasons)[number];

/** A row of the ledger. Times in ms since the epoch. */
export interface OccurrenceRow {
  readonly id: string;
  readonly trigger: string;
  readonly cause: Cause;
  readonly state: OccurrenceState;
  /** Of a schedule its nominal time, else when it happened. */
  readonly atMs: number;
  /** The last of several that were skipped together, and how many they were. */
  readonly untilMs?: number;
  readonly count?: number;
  /** Begun so long after it was due. */
  readonly lateMs: number;
  readonly why: SkipReason | null;
  /** What happened, as it was told. */
  readonly data?: unknown;
  /** How many triggers, one after the other, have brought it about by their work; absent: none. */
  readonly depth?: number;
  readonly run: string | null;
  readonly conversation: string | null;
  readonly startedAtMs: number | null;
  readonly endedAtMs: number | null;
  readonly error: { readonly code: string; readonly message: string } | null;
}

/** What a new row is made of. */
export type NewOccurrence = Pick<OccurrenceRow, "cause" | "atMs"> & Partial<OccurrenceRow>;

const DIGITS = 12;

/** Id of the `sequence`-th occurrence. */
export function occurrenceId(trigger: string, sequence: number): string {
  return `${trigger}.${`${sequence}`.padStart(DIGITS, "0")}`;
}

/** Writes a new row, and removes the one that is too old. */
export function noted(turn: Turn, sequence: number, fields: NewOccurrence): OccurrenceRow {
  const { root: trigger } = addressParts(turn.self);
  const row: OccurrenceRow = {
    ...{ id: occurrenceId(trigger, sequence), trigger, state: "waiting", lateMs: 0, why: null },
    ...{ run: null, conversation: null, startedAtMs: null, endedAtMs: null, error: null },
    ...fields,
  };
  turn.putRow(occurrencesTable, row.id, row);
  const old = sequence - triggerLimits.kept;
  if (old > 0) turn.putRow(occurrencesTable, occurrenceId(trigger, old), undefined);
  return row;
}

/** Writes a row that was skipped. */
export function skipped(turn: Turn, row: OccurrenceRow, why: SkipReason): void {
  const ended = { state: "skipped", why, endedAtMs: turn.nowMs } as const;
  turn.note(noteName("occurrence", row.cause, `skipped_${why}`), 0);
  turn.putRow(occurrencesTable, row.id, { ...row, ...ended });
}
