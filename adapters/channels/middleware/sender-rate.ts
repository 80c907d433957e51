// How fast one sender may write. The first message over the limit is answered with that, further ones are
// dropped in silence until there is room again.

import { BoundedCounts } from "./bounded-counts.ts";
import { isAsked, type Middleware } from "./middleware.ts";
import { wordsOf } from "./words.ts";

/** Where the channel does not say. */
export const MESSAGES_PER_MINUTE = 60;

const MINUTE_MS = 60_000;

interface Bucket {
  tokens: number;
  atMs: number;
  isTold: boolean;
}

/** One for each account: it counts. */
export function createSenderRate(): Middleware {
  const buckets = new BoundedCounts<Bucket>();
  return (event, { settings, nowMs }, next) => {
    if (!isAsked(event)) return next(event);
    const most = settings.messages_per_minute ?? MESSAGES_PER_MINUTE;
    const fresh = (): Bucket => ({ tokens: most, atMs: nowMs, isTold: false });
    const bucket = buckets.of(event.sender.id, fresh);
    const passed = Math.max(0, nowMs - bucket.atMs);
    bucket.tokens = Math.min(most, bucket.tokens + (passed * most) / MINUTE_MS);
    bucket.atMs = nowMs;
    if (bucket.tokens >= 1) {
      bucket.tokens -= 1;
      bucket.isTold = false;
      return next(event);
    }
    if (bucket.isTold || event.kind !== "message") return { drop: "rate" };
    bucket.isTold = true;
    return { event, verdict: { say: wordsOf(settings.language).tooFast(most) } };
  };
}
