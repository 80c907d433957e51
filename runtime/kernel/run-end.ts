// The end of a run as its actor is told of it when the result is more than a turn can store.

import type { Outcome, RunEnded } from "../actor.ts";
import { toErrorData } from "../errors.ts";
import type { MailItem } from "./cell.ts";

/**
 * The same end as a failure: an actor that never heard of it would wait for the run for ever. Null for
 * other messages and other causes: handled again they may go well, or are dead letters.
 */
export function endWithoutResult(item: MailItem, cause: unknown): MailItem | null {
  const error = toErrorData(cause);
  if (item.endedRun === undefined || error.code !== "TURN_TOO_LARGE") return null;
  const message = item.message as RunEnded;
  if (message.outcome.status !== "completed") return null;
  const endsAs: Outcome = { status: "failed", error };
  return { ...item, message: { ...message, outcome: endsAs }, endsAs, failures: 0 };
}
