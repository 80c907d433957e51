// When what was at a worker that has died is sent to the next one: at once, but it waits if threads
// go on dying under it.

/**
 * Deaths after which a request is sent again at once. Then it waits longer each time: it may be what
 * kills the threads without being named, and must not bring the process to its limit of deaths.
 */
const RESENDS_AT_ONCE = 4;
const RESEND_MS_FIRST = 250;
const RESEND_MS_MAX = 5_000;

/** When a request may be sent again under which so many threads have died; 0 for at once. */
export function heldUntil(deaths: number): number {
  if (deaths <= RESENDS_AT_ONCE) return 0;
  const ms = RESEND_MS_FIRST * 2 ** (deaths - RESENDS_AT_ONCE - 1);
  return performance.now() + Math.min(ms, RESEND_MS_MAX);
}
