// The whole log of a run, for what looks at it as a whole. Bounded: a run that has done more is read by
// its record, in pages.

import { RuntimeError } from "../../../runtime/errors.ts";
import type { LogEntry } from "../../../runtime/runs/log-entry.ts";
import type { RunRow, System } from "../../../runtime/system.ts";

/** Entries that are looked at as a whole: 1,000 steps and their events come nowhere near. */
const ENTRIES_MAX = 20_000;
const CHUNKS_AT_ONCE = 20;

/** A log, as far as it is looked at. */
export interface FirstOfLog {
  readonly entries: readonly LogEntry[];
  /** There are more. */
  readonly isCut: boolean;
}

/** @throws EVENTS_TRIMMED when it is not kept any more, TURN_TOO_LARGE. */
export async function wholeLog(
  system: Pick<System, "log">,
  run: RunRow,
): Promise<readonly LogEntry[]> {
  const { entries, isCut } = await firstOfLog(system, run);
  if (!isCut) return entries;
  const most = `A run is looked at as a whole up to ${ENTRIES_MAX} entries of its log.`;
  throw new RuntimeError("TURN_TOO_LARGE", most);
}

/** As much of it as is looked at. @throws EVENTS_TRIMMED when it is not kept any more. */
export async function firstOfLog(system: Pick<System, "log">, run: RunRow): Promise<FirstOfLog> {
  const entries: LogEntry[] = [];
  let from: number | null = 0;
  while (from !== null) {
    const page = await system.log(run, from, CHUNKS_AT_ONCE);
    entries.push(...page.entries);
    from = page.next;
    if (entries.length > ENTRIES_MAX) return { entries, isCut: true };
  }
  if (entries.length > 0 || run.endedAt === null) return { entries, isCut: false };
  throw new RuntimeError("EVENTS_TRIMMED", `The record of ${run.id} is not kept any more.`);
}
