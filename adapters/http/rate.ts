// Token buckets by key. The table is bounded: past the bound the entry that was made first is
// forgotten, so that names nobody uses cannot fill memory.

import { RuntimeError } from "../../runtime/errors.ts";

/** Keys remembered at once. */
export const RATE_ENTRIES_MAX = 50_000;
/** Set back, the machine's clock would hold up a key for as long. */
const monotonic = (): number => performance.now();

interface Bucket {
  tokens: number;
  atMs: number;
}

/** What a key may still do. */
export interface Allowance {
  /** Requests that a rested key may send at once, and in which time they come back, s. */
  readonly limit: number;
  readonly windowS: number;
  /** Requests that it may send now. */
  readonly remaining: number;
  /** Until it has rested, ms. */
  readonly resetMs: number;
}

/** Requests of each key. */
export interface RateLimiter {
  /** Takes one token; what is left then. @throws RATE_LIMITED with retryAfterMs. */
  take(key: string): Allowance;
  /** What a key has, and takes nothing. */
  look(key: string): Allowance;
}

/** @param options `perSecond` refills, `burst` is what a rested key may do at once. */
export function createRateLimiter(options: {
  readonly perSecond: number;
  readonly burst: number;
  readonly now?: () => number;
  /** Who is refused. Default: This key. */
  readonly who?: string;
}): RateLimiter {
  const { perSecond, burst, now = monotonic, who = "This key" } = options;
  const buckets = new Map<string, Bucket>();
  const windowS = Math.max(1, Math.ceil(burst / perSecond));
  const filled = (key: string): Bucket => {
    const nowMs = now();
    const bucket = buckets.get(key) ?? addEntry(buckets, key, { tokens: burst, atMs: nowMs });
    bucket.tokens = Math.min(burst, bucket.tokens + ((nowMs - bucket.atMs) / 1_000) * perSecond);
    bucket.atMs = nowMs;
    return bucket;
  };
  const allowanceOf = ({ tokens }: Bucket): Allowance => ({
    limit: burst,
    windowS,
    remaining: Math.floor(tokens),
    resetMs: ((burst - tokens) / perSecond) * 1_000,
  });
  return {
    look: (key) => allowanceOf(filled(key)),
    take: (key) => {
      const bucket = filled(key);
      if (bucket.tokens < 1) {
        const retryAfterMs = Math.ceil(((1 - bucket.tokens) / perSecond) * 1_000);
        throw new RuntimeError(
          "RATE_LIMITED",
          `${who} may send ${perSecond} requests a second (${burst} at once).`,
          { retryAfterMs },
        );
      }
      bucket.tokens -= 1;
      return allowanceOf(bucket);
    },
  };
}

function addEntry<Entry>(entries: Map<string, Entry>, name: string, entry: Entry): Entry {
  if (entries.size >= RATE_ENTRIES_MAX) {
    const first = entries.keys().next().value;
    if (first !== undefined) entries.delete(first);
  }
  entries.set(name, entry);
  return entry;
}
