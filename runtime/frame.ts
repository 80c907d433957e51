// What a viewer of a run sees, in order. Durable frames are shown after their commit; text is a
// preview and `text-end` is its truth. An id is `run:step:attempt:offset` (place.ts says what of); a
// viewer that gives the last id it saw gets exactly the rest.

import type { Data, Outcome } from "./actor.ts";
import type { ErrorData } from "./errors.ts";

/** One thing a viewer sees. */
export type Frame =
  /** The accept is on disk; `reply` is what the actor replied, `run` the run that follows (or null). */
  | { readonly type: "accepted"; readonly reply: Data; readonly run: string | null }
  /** The actor refused; nothing follows. */
  | { readonly type: "refused"; readonly error: ErrorData }
  /** Durable event of the run or of one of its children (`run` says which). */
  | { readonly type: "event"; readonly id: string; readonly run: string; readonly event: Data }
  /** Preview text at `offset` (UTF-16 units) of the message that `step` is writing. */
  | {
      readonly type: "text";
      readonly id: string;
      readonly run: string;
      readonly step: string;
      readonly attempt: number;
      readonly offset: number;
      readonly text: string;
    }
  /**
   * Forget the text, it starts from 0: the step was run again, under a new attempt, while this viewer
   * had a part of it. A text of which a viewer has nothing is never reset.
   */
  | {
      readonly type: "reset";
      readonly id: string;
      readonly run: string;
      readonly step: string;
      readonly attempt: number;
    }
  /** The step is stored: `text` is the whole truth, of which `shown` units were sent to this viewer. */
  | {
      readonly type: "text-end";
      readonly id: string;
      readonly run: string;
      readonly step: string;
      readonly attempt: number;
      readonly text: string;
    }
  /** Frames were left out because this viewer was too slow or the log was trimmed. */
  | { readonly type: "gap"; readonly id: string; readonly run: string; readonly frames: number }
  /**
   * The run has begun a wait in which its time stands still: for a decision, an event or a moment. Only
   * callers that wait for the end are told, so that they need not wait for days.
   */
  | { readonly type: "paused"; readonly id: string; readonly run: string }
  /** The root run has ended; nothing follows. `counters` are values after the end's commit. */
  | {
      readonly type: "end";
      readonly id: string;
      readonly run: string;
      readonly outcome: Outcome;
      readonly reply: Data;
      readonly counters: Readonly<Record<string, number>>;
    };

/** A position in a run's frames. */
export interface Cursor {
  readonly run: string;
  readonly step: string;
  readonly attempt: number;
  readonly offset: number;
}

/** Text form of a cursor. The step may hold colons; run ids do not. */
export function frameId(cursor: Cursor): string {
  return `${cursor.run}:${cursor.step}:${cursor.attempt}:${cursor.offset}`;
}

/** Parses a frame id, or null when it is none. */
export function parseFrameId(id: string): Cursor | null {
  const match = /^(rn_[A-Za-z0-9.]{1,128}):(.{1,400}):(\d{1,15}):(\d{1,15})$/s.exec(id);
  if (!match) return null;
  const [, run = "", step = "", attempt, offset] = match;
  return { run, step, attempt: Number(attempt), offset: Number(offset) };
}

/** Id of the child run `number` (1-based) of a run: of one that speaks aside it ends in an `a`. */
export function childRunId(parent: string, number: number, isAside: boolean): string {
  return `${parent}.${number}${isAside ? "a" : ""}`;
}

/**
 * Whether a run speaks aside: what it and those below it show is no part of what its root run answers.
 * @param run id of a run, or what such an id has behind that of a run above it.
 */
export function isAside(run: string): boolean {
  return /\.\d+a(\.|$)/.test(run);
}

/** The root run of a run: children carry their root's id up to the first dot. */
export function rootRunOf(run: string): string {
  const dot = run.indexOf(".");
  return dot === -1 ? run : run.slice(0, dot);
}
