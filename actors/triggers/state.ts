// What a trigger knows between its turns.

import { type Address, address } from "../../runtime/address.ts";
import type { Cause, OccurrenceRow } from "./occurrence.ts";
import type { Due } from "./schedule.ts";

/** Kind of the actor. */
export const TRIGGER_KIND = "trigger";

/** Of a trigger. */
export function triggerAddress(tenant: string, trigger: string): Address {
  return address({ kind: TRIGGER_KIND, tenant, root: trigger });
}

/** An occurrence that is at work. */
export interface Working {
  readonly row: OccurrenceRow;
  /** The run that begins it. */
  readonly launch: string;
  /** The run that works; null until it is known. */
  readonly run: string | null;
  /** It has waited in a line, and works. */
  readonly isBegun?: true;
  /** Another one waits for it to be stopped. */
  readonly isReplaced?: boolean;
  readonly isStopping?: boolean;
  /** It was to go on with a conversation that was there before. */
  readonly isGoingOn?: boolean;
}

/** What a trigger listens to: of which record, and as what its listener is known there. */
export interface Heeds {
  readonly of: string;
  readonly as: string;
}

/** What becomes of occurrences in the end. */
export const ends = ["completed", "failed", "cancelled", "replaced", "skipped"] as const;

/** How many rows of the ledger have ended so; also of those that are not kept any more. */
export type Counts = Readonly<Record<(typeof ends)[number], number>>;

/** State of a trigger. Version 1. */
export interface TriggerState {
  readonly id: string;
  /** Occurrences so far. */
  readonly sequence: number;
  /** The schedule that `next` is of; null: none is followed. */
  readonly schedule: string | null;
  readonly next: Due | null;
  /** Its schedule rests; `next` is the first time that is skipped. */
  readonly isPaused?: boolean;
  /** The latest nominal time that was looked at: no schedule brings it or one before it again. */
  readonly throughMs?: number;
  /** What the clock showed last, ms. */
  readonly seenMs: number;
  readonly working: Working | null;
  readonly waiting: readonly OccurrenceRow[];
  /** Of `conversation: one`. */
  readonly conversation: string | null;
  /** Whether a sweep of the keys of events is to come. */
  readonly isSwept: boolean;
  readonly counts?: Partial<Counts>;
  /** What it is known to listen to, as it was told. */
  readonly heeds?: Heeds | null;
  /** Of `file_change`: whether all that was there when these settings began is known. */
  readonly files?: { readonly watch: string; readonly isBased: boolean } | null;
  /** Sequence up to which the rows of a trigger that was removed are removed; null: it is there. */
  readonly removed: number | null;
}

/** Before it is set. */
export const emptyTrigger: Omit<TriggerState, "id"> = {
  ...{ sequence: 0, schedule: null, next: null, seenMs: 0, working: null, waiting: [] },
  ...{ conversation: null, isSwept: false, removed: null },
};

/** With so many more that have ended so. */
export function counted(state: TriggerState, end: keyof Counts, count = 1): TriggerState {
  const { counts = {} } = state;
  return { ...state, counts: { ...counts, [end]: (counts[end] ?? 0) + count } };
}

/** How a trigger is. */
export interface TriggerView {
  readonly nextMs: number | null;
  /** The occurrence that is at work. */
  readonly working: string | null;
  readonly waiting: number;
  readonly counts: Counts;
}

/** How one is, by its state. */
export function viewOf(state: TriggerState): TriggerView {
  const { next, isPaused = false, working, waiting, counts = {} } = state;
  const nextMs = isPaused ? null : (next?.dueMs ?? null);
  return {
    ...{ nextMs, working: working?.row.id ?? null, waiting: waiting.length },
    counts: { completed: 0, failed: 0, cancelled: 0, replaced: 0, skipped: 0, ...counts },
  };
}

/** Something that happened. */
export interface Happened {
  readonly type: "happened";
  readonly cause: Exclude<Cause, "schedule" | "file_change">;
  /** Names it: told again it is the same. */
  readonly key: string;
  readonly atMs: number;
  /** What happened, as data for who works. */
  readonly data?: unknown;
  readonly depth?: number;
}
