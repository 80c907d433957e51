// Where a run of a workflow can be gone on from: each visit of a node is a point. The runtime copies the
// log before that point into the log of another run (RunSpec.fork), so that nothing of it happens twice;
// from the point on that run works, on another state if somebody wants it so.

import type { LogEntry } from "../../runtime/runs/log-entry.ts";
import { CHECKPOINT, type Checkpoint, visitOf } from "./checkpoint.ts";
import type { State } from "./state.ts";

/** What the input of a forked run says beside what its log begins with. */
export interface FlowFork {
  /** The visit at which it begins to work. */
  readonly at: string;
  /** Values of the state at that visit, in place of those it had. */
  readonly state?: State;
}

/**
 * The last visit of a node in a run's log, and how many entries come before it; undefined when the run
 * did not come there. @param log whole and in order.
 */
export function forkPointOf(
  run: string,
  log: readonly LogEntry[],
  node: string,
): { readonly at: string; readonly entries: number } | undefined {
  for (let entries = log.length - 1; entries >= 0; entries -= 1) {
    const entry = log[entries];
    if (entry?.type !== "event" || entry.run !== run) continue;
    const at = visitOf(entry);
    if (at !== null && (entry.event as { readonly node: string }).node === node) {
      return { at, entries };
    }
  }
  return undefined;
}

/** A checkpoint, as one of its run. */
export interface PlacedCheckpoint extends Checkpoint {
  /** Its step: a fork at it goes on behind the node, with what that gave. */
  readonly step: string;
  /** Which visit of the node it ended, from 1, in order of their ends: rounds of loops, items of maps. */
  readonly visit: number;
}

/** The checkpoints of a run in the order of its log, which is whole. */
export function checkpointsOf(run: string, log: readonly LogEntry[]): readonly PlacedCheckpoint[] {
  const visits = new Map<string, number>();
  return log.flatMap((entry) => {
    if (entry.type !== "step" || entry.run !== run || !entry.key.startsWith(CHECKPOINT)) return [];
    const checkpoint = entry.result as Checkpoint;
    const visit = (visits.get(checkpoint.node) ?? 0) + 1;
    visits.set(checkpoint.node, visit);
    return [{ ...checkpoint, step: entry.key, visit }];
  });
}
