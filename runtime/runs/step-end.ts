// The stored end of a step that no function performs: a wait, a message, a decision.

import type { Data } from "../actor.ts";
import { type RuntimeError, toErrorData } from "../errors.ts";
import type { Run } from "./run.ts";

/** Stores a result. `sent`: the fingerprint of what a send sent. `isTold`: as RunTree.append. */
export function keep<T>(
  run: Run,
  key: string,
  result: T,
  { sent, isTold }: { readonly sent?: string; readonly isTold?: boolean } = {},
): T {
  goesOn(run);
  const entry = {
    type: "step",
    run: run.id,
    key,
    attempt: 1,
    print: "",
    result: result as Data,
    ...(sent === undefined ? {} : { sent }),
    ...pauseEnded(run, key),
  } as const;
  run.stored.set(key, entry);
  run.tree.append(entry, isTold);
  return result;
}

/** Stores a failure and gives it back to be thrown. */
export function fail(run: Run, key: string, error: RuntimeError): RuntimeError {
  goesOn(run);
  const data = toErrorData(error);
  const entry = {
    ...({ type: "failed", run: run.id, key, attempt: 1, print: "", error: data } as const),
    ...pauseEnded(run, key),
  };
  run.stored.set(key, entry);
  run.tree.append(entry);
  return error;
}

/** Said last: the run's own code comes next. */
export function goesOn(run: Run): void {
  run.tree.engine.attribution.goesOn(run.address);
}

function pauseEnded(run: Run, key: string): { atMs?: number } {
  const atMs = run.tree.engine.options.clock.now();
  return run.endPause(key, atMs) ? { atMs } : {};
}
