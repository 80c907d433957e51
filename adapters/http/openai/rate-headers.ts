// The rate of a key in the headers of OpenAI's protocol. Requests alone: tokens have no rate here, and a
// header that says one would be made up.

const MINUTE_MS = 60_000;

/** @param resetMs until a key that sends nothing has its whole `burst` again. */
export function openaiRates({
  burst,
  remaining,
  resetMs,
}: {
  readonly burst: number;
  readonly remaining: number;
  readonly resetMs: number;
}): Readonly<Record<string, string>> {
  return {
    "x-ratelimit-limit-requests": String(burst),
    "x-ratelimit-remaining-requests": String(remaining),
    "x-ratelimit-reset-requests": durationOf(resetMs),
  };
}

/** As the protocol writes times: "6m0s", "1.2s", "40ms". */
function durationOf(ms: number): string {
  const whole = Math.ceil(ms);
  if (whole < 1_000) return `${whole}ms`;
  const minutes = Math.floor(whole / MINUTE_MS);
  const seconds = `${(whole % MINUTE_MS) / 1_000}s`;
  return minutes === 0 ? seconds : `${minutes}m${seconds}`;
}
