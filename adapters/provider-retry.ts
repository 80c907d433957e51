// When a call to a provider is tried again: where the error says that it may help, as long as the
// provider asks to wait or by growing pauses, with some chance in them.

import { RuntimeError } from "../runtime/errors.ts";

/** Milliseconds before the second attempt; doubled for each further one. */
const BACKOFF_MS = 250;
const BACKOFF_MS_MAX = 8_000;
/** A provider that asks for a longer wait than this is not waited for. */
export const RETRY_AFTER_MS_MAX = 60_000;
/** Share of a wait that is left to chance, so that many callers do not come back at once. */
const JITTER = 0.25;

/** A wait that is not shortened, and by chance a little longer. @param chance a number in [0, 1). */
export function withJitter(ms: number, chance: number): number {
  return ms * (1 + JITTER * chance);
}

/**
 * Milliseconds to wait before the next attempt, or undefined when there is none.
 * @param attempt number of the one that failed, from 1.
 * @param options.random a number in [0, 1).
 */
export function retryDelay(
  error: unknown,
  attempt: number,
  { attemptsMax, random }: { readonly attemptsMax: number; random(): number },
): number | undefined {
  if (!(error instanceof RuntimeError) || attempt >= attemptsMax) return undefined;
  const canRetry = error.code === "PROVIDER_LIMITED" || error.code === "PROVIDER_UNAVAILABLE";
  if (!canRetry) return undefined;
  // The provider closed an idle connection as we took it: a fresh one helps at once.
  if (error.details?.["isReused"] === true && attempt === 1) return 0;
  const asked = error.details?.["retryAfterMs"];
  if (typeof asked === "number") {
    return asked > RETRY_AFTER_MS_MAX ? undefined : withJitter(asked, random());
  }
  const backoffMs = Math.min(BACKOFF_MS * 2 ** (attempt - 1), BACKOFF_MS_MAX);
  return backoffMs * (1 - JITTER * random());
}
