// What the log of a run says of its nodes: how far each has come, how often, for how long.

import type { LogEntry } from "../../runtime/runs/log-entry.ts";
import { CHECKPOINT, type Checkpoint } from "./checkpoint.ts";

/** A node as a run has it. */
export interface NodeMark {
  /** Of its last visit. Cut: it was under way when the run ended. */
  readonly status: "running" | "waiting" | "completed" | "failed" | "cut";
  readonly visits: number;
  /** All visits that have ended, of a workflow; null where nobody measured. */
  readonly ms: number | null;
}

const statuses = {
  started: "running",
  waiting: "waiting",
  completed: "completed",
  failed: "failed",
} as const;

/** The nodes that `run` has come to, by id. @param log its whole log, with those of its child runs. */
export function marksOf(
  run: { readonly id: string; readonly isOver: boolean },
  log: readonly LogEntry[],
): ReadonlyMap<string, NodeMark> {
  const marks = new Map<string, NodeMark>();
  const mark = (node: string, change: (before: NodeMark) => NodeMark): void => {
    marks.set(node, change(marks.get(node) ?? { status: "running", visits: 0, ms: null }));
  };
  for (const entry of log) {
    if (entry.run !== run.id) continue;
    if (entry.type === "event") {
      const { type, node, state } = entry.event as Partial<
        Record<"type" | "node" | "state", string>
      >;
      const status = statuses[state as keyof typeof statuses];
      if (type !== "node" || node === undefined || status === undefined) continue;
      const more = state === "started" ? 1 : 0;
      mark(node, ({ visits, ms }) => ({ status, visits: visits + more, ms }));
    } else if (entry.type === "step" && entry.key.startsWith(CHECKPOINT)) {
      const { node, startedAtMs, endedAtMs } = entry.result as Checkpoint;
      mark(node, (before) => ({ ...before, ms: (before.ms ?? 0) + endedAtMs - startedAtMs }));
    }
  }
  if (!run.isOver) return marks;
  const over = ({ status, ...rest }: NodeMark): NodeMark => ({
    ...rest,
    status: status === "running" || status === "waiting" ? "cut" : status,
  });
  return new Map([...marks].map(([node, one]) => [node, over(one)]));
}
