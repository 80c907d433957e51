// How often somebody may do something: a bucket for each, refilled evenly, in memory. Who was silent
// longest is forgotten first, and has by then as many as anybody new.

import { RuntimeError } from "../../../runtime/errors.ts";
import { webChatLimits } from "./limits.ts";

interface Bucket {
  left: number;
  atMs: number;
}

const MINUTE_MS = 60_000;

/** Buckets by who and what. */
export class Rates {
  readonly #buckets = new Map<string, Bucket>();

  /** Takes one of so many a minute. @throws RATE_LIMITED with `retryAfterMs`. */
  take(who: string, perMinute: number, nowMs: number): void {
    const bucket = this.#buckets.get(who) ?? { left: perMinute, atMs: nowMs };
    const refilled = ((nowMs - bucket.atMs) * perMinute) / MINUTE_MS;
    bucket.left = Math.min(perMinute, bucket.left + Math.max(0, refilled));
    bucket.atMs = nowMs;
    // Moved to the end: the first is who was silent longest.
    this.#buckets.delete(who);
    this.#buckets.set(who, bucket);
    if (this.#buckets.size > webChatLimits.rates) {
      for (const [oldest] of this.#buckets) {
        this.#buckets.delete(oldest);
        break;
      }
    }
    if (bucket.left < 1) {
      const retryAfterMs = Math.ceil(((1 - bucket.left) * MINUTE_MS) / perMinute);
      const message = `That is more than ${perMinute} a minute.`;
      throw new RuntimeError("RATE_LIMITED", message, { retryAfterMs });
    }
    bucket.left -= 1;
  }
}
