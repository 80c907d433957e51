// What counters must not fall below, looked at before a batch is troubled with it.

import type { ErrorData } from "../errors.ts";
import type { Committer } from "./committer.ts";
import type { TurnDraft } from "./turn.ts";

/** A floor of a turn that already fails here; null when the store is to judge. */
export function brokenFloor(
  committer: Committer,
  draft: Pick<TurnDraft, "ops" | "floors">,
): ErrorData | null {
  for (const { key, otherwise } of draft.floors) {
    const value = committer.counter(key);
    if (value instanceof Promise) return null;
    let sum = value;
    let min = 0;
    for (const op of draft.ops) {
      if (op.op !== "add" || op.key !== key) continue;
      sum += op.delta;
      min = op.min ?? min;
    }
    if (sum < min) return otherwise;
  }
  return null;
}
