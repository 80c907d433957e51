// When a token is renewed before anybody needs it: some time before it ends, not all tokens at once, and not for
// ever for one that nobody uses. Pure.

import { type Token, tokenLimits } from "../records/token.ts";

/** A token that lives shorter is renewed when it is used. */
const LIFE_MS_MIN = 120_000;
/** Part of its life that is left at the latest. */
const SHARE_LEFT = 5;
const LEFT_MS_MIN = 30_000;
/** Renewals in a row that failed for a time, after which the next use tries again: about half an hour. */
export const RENEWALS_MAX = 12;
/** A token that was not used for so long is renewed by its next use. */
export const IDLE_MS_MAX = 30 * 24 * 3_600_000;

/**
 * When it is due, ms since the epoch: between one and two times five minutes before its end (a fifth of its life for one
 * that lives shorter), by its id, so that those that came together are not renewed together. Null: never.
 */
export function renewalDueMs(
  { id, generation, expires_at, can_refresh, status }: Token,
  nowMs: number,
): number | null {
  if (!can_refresh || status !== "active" || expires_at === null) return null;
  const leftMs = Date.parse(expires_at) - nowMs;
  if (!(leftMs >= LIFE_MS_MIN)) return null;
  const leadMs = Math.min(tokenLimits.earlyMs, Math.max(LEFT_MS_MIN, leftMs / SHARE_LEFT));
  return Math.floor(nowMs + leftMs - leadMs * (1 + shareOf(`${id}.${generation}`)));
}

/** Whether nobody has used it for long. @param usedAt ISO 8601; null: never, since it was made. */
export function isIdle(
  { created_at }: Pick<Token, "created_at">,
  usedAt: string | null,
  nowMs: number,
): boolean {
  return nowMs - Date.parse(usedAt ?? created_at) > IDLE_MS_MAX;
}

/** 0 to 1, the same for the same text: FNV-1a. */
function shareOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193) >>> 0;
  }
  return hash / 2 ** 32;
}
