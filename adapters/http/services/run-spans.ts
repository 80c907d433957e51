// The spans of a run, read from its log a part at a time: others are served while those of a long one are made.

import { setImmediate as pass } from "node:timers/promises";
import { spansInParts, type TraceOptions } from "../../../actors/trace/run-spans.ts";
import type { Span } from "../../../actors/trace/span.ts";
import type { RunRow, System } from "../../../runtime/system.ts";
import { type FirstOfLog, firstOfLog } from "./run-log.ts";
import { originOf } from "./run-origin.ts";

/** What a run has done, as far as it is looked at. */
export interface RunSpans {
  readonly spans: readonly Span[];
  /** Its log has more than was read. */
  readonly isCut: boolean;
}

const NO_LOG: FirstOfLog = { entries: [], isCut: false };

/** In their order. @throws EVENTS_TRIMMED, unless a run without a log is enough. */
export async function readSpans(
  system: Pick<System, "log" | "run">,
  row: RunRow,
  options: TraceOptions,
  isEnough = false,
): Promise<RunSpans> {
  const reading = firstOfLog(system, row);
  const { entries, isCut } = await (isEnough ? reading.catch(() => NO_LOG) : reading);
  const origin = await originOf(system, options.tenant, row);
  const parts = spansInParts(row, entries, { ...options, origin });
  for (;;) {
    const { done, value } = parts.next();
    if (done === true) return { spans: value, isCut };
    await pass();
  }
}
