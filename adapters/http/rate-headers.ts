// What a key may still send, as the headers of its answer: those that the IETF is writing down, and those
// that clients of a protocol read.

import { openaiRates } from "./openai/rate-headers.ts";
import type { Allowance } from "./rate.ts";
import type { ErrorStyle } from "./route.ts";

/** The headers. @param nowMs milliseconds since the epoch. */
export function rateHeaders(
  { limit, windowS, remaining, resetMs }: Allowance,
  style: ErrorStyle,
  nowMs: number,
): Readonly<Record<string, string>> {
  const common = {
    "RateLimit-Policy": `"key";q=${limit};w=${windowS}`,
    RateLimit: `"key";r=${remaining};t=${Math.ceil(resetMs / 1_000)}`,
  };
  if (style === "openai")
    return { ...common, ...openaiRates({ burst: limit, remaining, resetMs }) };
  if (style !== "anthropic") return common;
  return {
    ...common,
    "anthropic-ratelimit-requests-limit": String(limit),
    "anthropic-ratelimit-requests-remaining": String(remaining),
    "anthropic-ratelimit-requests-reset": new Date(nowMs + resetMs).toISOString(),
  };
}
