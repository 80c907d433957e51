// Puts into a run that is made again what its log says of it.

import type { Data } from "../actor.ts";
import { RuntimeError } from "../errors.ts";
import type { LogEntry } from "./log-entry.ts";
import type { Run, StoredStep } from "./run.ts";

/** An entry about the run itself; those that make runs or number lives are the tree's. */
export function restoreEntry(run: Run, entry: LogEntry): void {
  switch (entry.type) {
    case "try":
      run.tries.set(entry.key, entry);
      if (entry.sinceMs !== undefined) {
        run.beginPause(entry.key, entry.sinceMs, entry.untilMs ?? entry.sinceMs);
      }
      return;
    case "step":
    case "failed":
      restoreStep(run, entry);
      return;
    case "event":
      run.emitted.set(entry.key, entry.event);
      return;
    case "cancel":
      run.restoreCancel(new RuntimeError("CANCELLED", entry.reason));
      return;
    case "steer":
      run.steers.push(entry.value);
      return;
    case "decide":
      run.decided.set(entry.key, entry.value);
      return;
    case "at-end":
      run.farewells.set(entry.key, { ...entry, from: run.address });
      return;
    case "end":
      run.restoreEnd(entry.outcome);
      run.farewells.clear();
      if (entry.atMs !== undefined) run.endPauses(entry.atMs);
      return;
    case "child":
    case "forked":
    case "resumed":
      return;
  }
}

function restoreStep(run: Run, entry: StoredStep): void {
  run.stored.set(entry.key, entry);
  if (entry.atMs !== undefined) run.endPause(entry.key, entry.atMs);
  if (entry.type === "step" && entry.key.startsWith("steered:")) {
    run.steersTaken += (entry.result as readonly Data[]).length;
  }
}
