// How a root run has ended, for who is told of it before it is stored.

import type { Outcome } from "../actor.ts";
import type { StoredRun } from "./run-row.ts";

/** As much as says whether somebody wants to look at it. */
export interface RunEnd {
  readonly status: Outcome["status"];
  readonly tookMs: number;
  /** W3C traceparent of what started it. */
  readonly trace?: string;
}

/** Of a run that ends now. */
export function runEndOf(
  { startedAt, trace }: Pick<StoredRun, "startedAt" | "trace">,
  { status }: Outcome,
  nowMs: number,
): RunEnd {
  return { status, tookMs: nowMs - startedAt, ...(trace !== undefined && { trace }) };
}
