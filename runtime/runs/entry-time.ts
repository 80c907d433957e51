// When an entry of a run's log was made: all that a trace needs beside what the log says anyway.

import type { LogEntry } from "./log-entry.ts";

/** The run that an entry is of, as far as its times go; times in ms since the epoch. */
export interface EntryClock {
  readonly nowMs: number;
  /** Of its root run. */
  readonly startedAt: number;
  /** Its steps under way, and since when. */
  readonly performing: ReadonlyMap<string, number> | undefined;
}

/** The entry with its times. A clock that was set back since gives 0. */
export function timedEntry(
  entry: LogEntry,
  { nowMs, startedAt, performing }: EntryClock,
): LogEntry {
  const afterMs = Math.max(0, Math.round(nowMs - startedAt));
  if (entry.type !== "step" && entry.type !== "failed") return { ...entry, afterMs };
  const tookMs = Math.max(0, Math.round(nowMs - (performing?.get(entry.key) ?? nowMs)));
  return tookMs === 0 ? { ...entry, afterMs } : { ...entry, afterMs, tookMs };
}
