// What the answers of platforms have in common: JSON that may be none, times to wait, and reasons that are
// shown to people, without secrets.

import { channelLimits } from "../../actors/channels/limits.ts";
import type { SendResult } from "../../actors/channels/outgoing.ts";
import type { PlatformAnswer } from "./adapter.ts";

/** A send that did not go well. */
export type Failed = Extract<SendResult, { ok: false }>;

/** What a call without an answer means for what it was to send. */
export function unreached(
  answer: Extract<PlatformAnswer, { reached: false }>,
  secrets: readonly string[],
): Failed {
  const reason = withoutSecrets(answer.reason, secrets);
  return { ok: false, class: answer.mayHaveArrived ? "unknown" : "retry", reason };
}

/** JSON of an answer; null for a page, for nothing and for what is broken. */
export function jsonIn(body: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(body).toString("utf8"));
  } catch {
    return null;
  }
}

/**
 * Retry-After in seconds or as a date; undefined when it says nothing that can be meant (0 and less, words).
 * At most what is believed of it.
 */
export function retryAfterMs(header: string | undefined, nowMs: number): number | undefined {
  if (header === undefined || header.trim() === "") return undefined;
  const ms = /^\s*-?[0-9]+\s*$/.test(header) ? Number(header) * 1_000 : Date.parse(header) - nowMs;
  if (!(ms > 0)) return undefined;
  return Math.min(Math.ceil(ms), channelLimits.retryAfterMaxMs);
}

/** 4, 16, 64, ... seconds. */
export function backOffMs(attempt: number): number {
  const exponent = Math.min(Math.max(1, attempt), 20);
  return Math.min(4 ** exponent * 1_000, channelLimits.retryAfterMaxMs);
}

/** A sentence without secrets, as short as a reason may be. */
export function withoutSecrets(text: string, secrets: readonly string[]): string {
  let clean = text;
  for (const secret of secrets) if (secret !== "") clean = clean.replaceAll(secret, "***");
  return clean.slice(0, 300);
}
