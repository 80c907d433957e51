// What the log of a run says about it as a whole: which runs it is made of and what each has done, and
// where another run may begin with it: at a step, or where it came to a bad end. Pure.

import type { Outcome } from "../runtime/actor.ts";
import type { LogEntry } from "../runtime/runs/log-entry.ts";
import type { RunRow } from "../runtime/system.ts";

/** A step of a run, or what it waits for, as far as it has come. */
export interface OutlineStep {
  /** Name of the step within its run; with the run's id and a slash it names it for a fork. */
  readonly key: string;
  readonly status: "begun" | "completed" | "failed";
  /** Calls of it that the log knows of; steps that may be repeated log their last one only. */
  readonly attempt: number;
}

/** A run with the runs that it has started. */
export interface RunOutline {
  readonly id: string;
  readonly kind: string;
  /** Step of the run above that started it; null for the root. */
  readonly key: string | null;
  readonly status: RunRow["status"];
  /** What answers in it, when its input says: an agent, a team, a workflow. */
  readonly target: string | null;
  readonly error: { readonly code: string; readonly message: string } | null;
  readonly steps: readonly OutlineStep[];
  readonly children: readonly RunOutline[];
}

interface Growing {
  readonly id: string;
  readonly kind: string;
  readonly key: string | null;
  readonly target: string | null;
  outcome: Outcome | null;
  readonly steps: Map<string, OutlineStep>;
  readonly children: Growing[];
}

/** The tree of a run. `entries` is its whole log. */
export function outlineOf(row: RunRow, entries: readonly LogEntry[]): RunOutline {
  const root = growing({ id: row.id, kind: row.kind, key: null, input: row.input });
  const known = new Map([[row.id, root]]);
  for (const entry of entries) {
    if (entry.type === "child") {
      const child = growing({ id: entry.run, ...entry });
      known.set(entry.run, child);
      known.get(entry.parent)?.children.push(child);
      continue;
    }
    const run = known.get(entry.run);
    if (run !== undefined) grow(run, entry);
  }
  const own = row.outcome as Outcome | null;
  return shown({ ...root, outcome: own ?? root.outcome }, row.status);
}

function grow(run: Growing, entry: LogEntry): void {
  switch (entry.type) {
    case "try":
    case "step":
    case "failed": {
      const { key, attempt, type } = entry;
      const status = type === "try" ? "begun" : type === "step" ? "completed" : "failed";
      run.steps.set(key, { key, status, attempt });
      return;
    }
    case "end":
      run.outcome = entry.outcome;
      return;
    default:
      return;
  }
}

function growing(of: {
  readonly id: string;
  readonly kind: string;
  readonly key: string | null;
  readonly input: unknown;
}): Growing {
  const { agent } = (of.input ?? {}) as { readonly agent?: unknown };
  const { id, kind, key } = of;
  const target = typeof agent === "string" ? agent : null;
  return { id, kind, key, target, outcome: null, steps: new Map(), children: [] };
}

/** A child without an end is as its root: still running, or cut with it. */
function shown(run: Growing, rootStatus: RunRow["status"]): RunOutline {
  const { id, kind, key, target, outcome } = run;
  const error = outcome === null || outcome.status === "completed" ? null : outcome.error;
  return {
    id,
    kind,
    key,
    status: outcome?.status ?? rootStatus,
    target,
    error: error === null ? null : { code: error.code, message: error.message },
    steps: [...run.steps.values()],
    children: run.children.map((child) => shown(child, rootStatus)),
  };
}

/**
 * How many entries come before a step of a run: what a fork at that step begins with. Undefined when
 * the log has no such step. @param step its key in the root run, or `<run id>/<key>`.
 */
export function entriesBefore(
  entries: readonly LogEntry[],
  root: string,
  step: string,
): number | undefined {
  const slash = step.startsWith(`${root}.`) ? step.indexOf("/") : -1;
  const run = slash === -1 ? root : step.slice(0, slash);
  const key = step.slice(slash + 1);
  const at = entries.findIndex((entry) => {
    if (entry.type === "child") return entry.parent === run && entry.key === key;
    const isStep = entry.type === "try" || entry.type === "step" || entry.type === "failed";
    return isStep && entry.run === run && entry.key === key;
  });
  return at === -1 ? undefined : at;
}

/** How many entries come before what brought a run to its bad end. */
export function entriesBeforeEnd(entries: readonly LogEntry[], outcome: Outcome): number {
  if (outcome.status === "completed") return entries.length;
  const { code, message } = outcome.error;
  const isSame = (error: { readonly code: string; readonly message: string }): boolean =>
    error.code === code && error.message === message;
  const cancel = entries.findIndex(({ type }) => type === "cancel");
  if (outcome.status === "cancelled" && cancel !== -1) return cancel;
  const failed = entries.findLast((entry) => entry.type === "failed" && isSame(entry.error));
  if (failed?.type === "failed") {
    const { run, key } = failed;
    return entries.findIndex((entry) => "key" in entry && entry.run === run && entry.key === key);
  }
  // Cut from outside: its children ended with it.
  const ended = entries.findIndex(
    (entry) =>
      entry.type === "end" &&
      entry.outcome.status === outcome.status &&
      isSame(entry.outcome.error),
  );
  return ended === -1 ? entries.length : ended;
}
