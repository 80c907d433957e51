// How long a run may take, as whoever starts it says it to the runtime: long enough that an agent's own limit,
// which waits for people and moments do not use up, ends it and is named.

import { limits } from "../limits.ts";
import { constraintLimits } from "../records/constraints.ts";
import type { Accepting } from "../targets.ts";

/** Behind the limit, ms. */
const GRACE_MS = 10_000;

/** @param asked by who asks, ms; shorter than the agent's limit it holds. */
export function runMsOf({ agent }: Pick<Accepting, "agent">, asked: number | undefined): number {
  // What those with an origin have by default, the run knows.
  const byDefault = agent?.origin == null ? undefined : constraintLimits.runtimeSeconds;
  const seconds = agent?.constraints?.max_runtime ?? byDefault;
  if (seconds === undefined) return asked ?? limits.runMs;
  const own = seconds * 1_000;
  if (asked !== undefined && asked < own) return asked;
  return Math.max(asked ?? limits.runMs, own + GRACE_MS);
}
