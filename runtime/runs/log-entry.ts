// What the log of a run is made of: what it was told, what its steps gave, what it showed, its end.
// journal.ts reads logs, journal-codec.ts says how entries are stored.

import type { Data, Outcome } from "../actor.ts";
import type { Address } from "../address.ts";
import type { ErrorData } from "../errors.ts";

/** When an entry was made. Entries of older versions have none. */
export interface EntryTime {
  /** Ms after its root run began; of a copied entry, after the run began that it was copied from. */
  readonly afterMs?: number;
  /** How long a step was performed in this life of its run, ms. A wait begins with its `try`. */
  readonly tookMs?: number;
}

/** One entry of a run's log. `run` is the id of the run or child it belongs to. */
export type LogEntry = EntryTime & Entry;

/** What an entry says. */
export type Entry =
  /** A child run was started by the step `key` of `parent`. */
  | {
      readonly type: "child";
      readonly run: string;
      readonly parent: string;
      readonly key: string;
      readonly kind: string;
      readonly input: Data;
      readonly deadlineMs: number;
    }
  /** A step that has effects is about to be tried, or a timer or an ask was begun (`untilMs`). */
  | {
      readonly type: "try";
      readonly run: string;
      readonly key: string;
      readonly attempt: number;
      readonly untilMs?: number;
      /** When a wait began in which its run's time stands still. */
      readonly sinceMs?: number;
      /** Fingerprint of what an ask sent. */
      readonly sent?: string;
    }
  /** A step's result. `streamed`: its text was shown. */
  | {
      readonly type: "step";
      readonly run: string;
      readonly key: string;
      readonly attempt: number;
      readonly print: string;
      readonly result: Data;
      readonly streamed?: boolean;
      /** Fingerprint of what a send sent. */
      readonly sent?: string;
      /** When a wait ended in which its run's time stood still. */
      readonly atMs?: number;
    }
  | {
      readonly type: "failed";
      readonly run: string;
      readonly key: string;
      readonly attempt: number;
      readonly print: string;
      readonly error: ErrorData;
      readonly atMs?: number;
    }
  | { readonly type: "event"; readonly run: string; readonly key: string; readonly event: Data }
  | { readonly type: "cancel"; readonly run: string; readonly reason: string }
  | { readonly type: "steer"; readonly run: string; readonly value: Data }
  | { readonly type: "decide"; readonly run: string; readonly key: string; readonly value: Data }
  /** A message to send when the run ends, unless the step `unless` has a result. */
  | {
      readonly type: "at-end";
      readonly run: string;
      readonly key: string;
      readonly to: Address;
      readonly message: Data;
      readonly unless?: string;
    }
  /** All that comes before it is a copy of what the run has done that the root run was forked from. */
  | { readonly type: "forked"; readonly run: string }
  /**
   * The run was taken up again after a restart or a move. `mark` is this life's alone: its number may have
   * been another one's, which the power took.
   */
  | {
      readonly type: "resumed";
      readonly run: string;
      readonly incarnation: number;
      readonly mark?: string;
    }
  | {
      readonly type: "end";
      readonly run: string;
      readonly outcome: Outcome;
      /** When it ended, if its time stood still until then. */
      readonly atMs?: number;
    };

/** Entries that nobody but their run waits for: they may be written with a later batch. */
export const MAY_WAIT: ReadonlySet<LogEntry["type"]> = new Set([
  "try",
  "step",
  "failed",
  "event",
  "at-end",
]);
