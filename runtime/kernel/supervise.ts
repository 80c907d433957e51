// What happens after a failed turn, as pure functions. Strategies decide about an actor's memory;
// the message is decided by its count of failures alone.

import type { Strategy } from "../actor.ts";

/** What to do with the message and with the memory. */
export interface Verdict {
  /** Try the message again after `delayMs`, or give it up. */
  readonly message: "retry" | "dead-letter";
  readonly delayMs: number;
  /** Keep the state in memory, load it again, forget the actor, or quarantine it at the root. */
  readonly memory: "keep" | "reload" | "forget" | "quarantine";
}

const BACKOFF_MS_FIRST = 20;
const BACKOFF_MS_MAX = 5_000;

/**
 * @param failures times this message has failed, this one included (1 or more).
 * @param failuresMax failures that make a dead letter.
 * @param jitter 0..1, so that actors that failed together do not come back together.
 */
export function judge(
  strategy: Strategy,
  failures: number,
  failuresMax: number,
  jitter: number,
): Verdict {
  const isLast = failures >= failuresMax;
  const backoffMs = Math.min(BACKOFF_MS_MAX, BACKOFF_MS_FIRST * 2 ** (failures - 1));
  return {
    message: isLast ? "dead-letter" : "retry",
    delayMs: isLast ? 0 : Math.round(backoffMs * (0.5 + jitter / 2)),
    memory: memoryAfter(strategy, isLast),
  };
}

function memoryAfter(strategy: Strategy, isLast: boolean): Verdict["memory"] {
  switch (strategy) {
    case "resume":
      return "keep";
    case "restart":
      return "reload";
    case "stop":
      return "forget";
    case "escalate":
      return isLast ? "quarantine" : "reload";
  }
}
