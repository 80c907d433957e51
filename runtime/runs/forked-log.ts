// A run that begins with what another run of the same parent has done: its log is a copy of the first
// entries of the other one's. The copy is made when the run is first taken into memory and is written
// before anything of its own; until then the run's row says where it comes from.

import { addressParts } from "../address.ts";
import { RuntimeError } from "../errors.ts";
import type { Engine } from "../kernel/engine.ts";
import { keys } from "../store/keys.ts";
import { loadLog } from "./journal.ts";
import type { LogEntry } from "./log-entry.ts";
import { decodeRun, type StoredRun } from "./run-row.ts";

/**
 * The log that a run begins with, its ids those of the new run.
 * @throws RuntimeError NOT_FOUND: there is no such run of this parent; EVENTS_TRIMMED: its log, or so
 *   much of it, is not kept any more.
 */
export async function forkedLog(
  { committer }: Pick<Engine, "committer">,
  row: StoredRun,
): Promise<LogEntry[]> {
  const { fork, parent, id } = row;
  if (fork === undefined) return [];
  const { tenant } = addressParts(parent);
  const key = keys.run(tenant, fork.run);
  const bytes = await committer.get(key);
  const source = bytes === undefined ? null : decodeRun(key, bytes);
  if (source === null || source.parent !== parent || source.kind !== row.kind) {
    throw new RuntimeError("NOT_FOUND", `There is no run ${fork.run} to begin with.`);
  }
  const { log } = await loadLog(committer, source.address);
  if (log.length < fork.entries) {
    throw new RuntimeError("EVENTS_TRIMMED", `The record of ${fork.run} is not kept any more.`);
  }
  const taken = log.slice(0, fork.entries).filter((entry) => !isOver(entry, fork.run));
  const begun = withoutWaits(taken).map((entry) => renamed(entry, fork.run, id));
  return [...begun, { type: "forked", run: id }];
}

/** What says something of the other run alone: what it leaves at its end, its lives. */
const OF_ITSELF: ReadonlySet<LogEntry["type"]> = new Set(["at-end", "resumed"]);

/**
 * What the other run still waits for will come to it alone, and what it is to say at its end is about
 * itself: both are begun anew, in a first life.
 */
function withoutWaits(log: readonly LogEntry[]): readonly LogEntry[] {
  const ended = new Set<string>();
  for (const entry of log) {
    if (entry.type === "step" || entry.type === "failed") ended.add(`${entry.run} ${entry.key}`);
  }
  return log.filter((entry) => {
    if (OF_ITSELF.has(entry.type)) return false;
    if (entry.type !== "try" || entry.untilMs === undefined) return true;
    return ended.has(`${entry.run} ${entry.key}`);
  });
}

/** How the other run came to its end is nothing that it has done. */
function isOver(entry: LogEntry, run: string): boolean {
  return (entry.type === "end" || entry.type === "cancel") && entry.run === run;
}

function renamed(entry: LogEntry, from: string, to: string): LogEntry {
  const named = (run: string): string => to + run.slice(from.length);
  return entry.type === "child"
    ? { ...entry, run: named(entry.run), parent: named(entry.parent) }
    : { ...entry, run: named(entry.run) };
}
