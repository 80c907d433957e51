// Where a run of a workflow can be gone on from: each visit of a node is a point. The runtime copies the
// log before that point into the log of another run (RunSpec.fork), so that nothing of it happens twice;
// from the point on that run works, on another state if somebody wants it so.

import { RuntimeError } from "../../runtime/errors.ts";
import type { LogEntry } from "../../runtime/runs/log-entry.ts";
import type { State } from "./state.ts";
import { CHECKPOINT, type Checkpoint, visitOf } from "./work.ts";

/** Where a run is forked: before a visit of a node, or before the last visit of a node. */
export type ForkPoint = { readonly step: string } | { readonly node: string };

/** What the input of a forked run says beside what its log begins with. */
export interface FlowFork {
  /** The visit at which it begins to work. */
  readonly at: string;
  /** Values of the state at that visit, in place of those it had. */
  readonly state?: State;
}

/**
 * The place of a point in a run's log.
 * @param log whole and in order.
 * @returns the visit, and how many entries come before it. @throws NOT_FOUND when the run did not come there.
 */
export function forkPointOf(
  run: string,
  log: readonly LogEntry[],
  point: ForkPoint,
): { readonly at: string; readonly entries: number } {
  for (let entries = log.length - 1; entries >= 0; entries -= 1) {
    const entry = log[entries];
    if (entry?.type !== "event" || entry.run !== run) continue;
    const at = visitOf(entry);
    if (at === null) continue;
    const { node } = entry.event as { readonly node: string };
    if ("step" in point ? at === point.step : node === point.node) return { at, entries };
  }
  const name = "step" in point ? `step "${point.step}"` : `node "${point.node}"`;
  throw new RuntimeError("NOT_FOUND", `The run ${run} did not come to ${name}.`);
}

/** The checkpoints of a run in the order of its log; `step` names one for `forkPointOf`. */
export function checkpointsOf(
  run: string,
  log: readonly LogEntry[],
): readonly (Checkpoint & { readonly step: string })[] {
  return log.flatMap((entry) =>
    entry.type === "step" && entry.run === run && entry.key.startsWith(CHECKPOINT)
      ? [{ step: entry.key.slice(CHECKPOINT.length), ...(entry.result as Checkpoint) }]
      : [],
  );
}
