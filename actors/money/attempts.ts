// How the requests of one model call are counted while an adapter makes them: further ones, and those made
// beside each other, cost as much as the first.

import { RuntimeError } from "../../runtime/errors.ts";

/** Told by whoever sends requests to a provider. */
export interface CallAttempts {
  /**
   * Before a request goes out. The first is paid for; a further one is reserved.
   * @throws RuntimeError BUDGET_EXHAUSTED when there is nothing left for it.
   */
  begin(): Promise<void>;
  /** A request that was begun has failed, or was given up. `isSent`: it may have reached the provider. */
  failed(error: unknown, isSent: boolean): void;
}

/** Failures before anything of a request has reached its provider. */
const NOT_SENT: ReadonlySet<unknown> = new Set([
  ...["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH"],
  "UND_ERR_CONNECT_TIMEOUT",
]);
const OURS: ReadonlySet<string> = new Set(["EGRESS_REFUSED", "POOL_FULL", "MODEL_UNKNOWN"]);
const CAUSES_MAX = 8;

/** Whether a provider takes nothing for what failed so: it was refused by a status, or never sent. */
export function isUnpaid(error: unknown): boolean {
  if (error instanceof RuntimeError) {
    if (typeof error.details?.["status"] === "number" || OURS.has(error.code)) return true;
  }
  let cause = error;
  for (let depth = 0; depth < CAUSES_MAX && cause instanceof Error; depth += 1) {
    if ("code" in cause && NOT_SENT.has(cause.code)) return true;
    cause = cause.cause;
  }
  return false;
}
