// How fast an account sends: so many in a time of the whole account, and so many to one conversation. Who
// waits waits in order within a conversation, and conversations take turns: one that is slow, or has much
// to say, never holds up another.

import { RuntimeError } from "../../runtime/errors.ts";
import type { Rate } from "./adapter.ts";

/** Sends of an account that may wait; one more is refused (RATE_LIMITED). */
export const PACED_MAX = 10_000;
/** Conversations of which is known when they were last sent to; those that may send anew go first. */
const CONVERSATIONS_KEPT = 10_000;

/** A clock that can wait. */
export interface PacingClock {
  nowMs(): number;
  /** @returns what gives it up. */
  after(ms: number, then: () => void): () => void;
}

/** The machine's. */
export const pacingClock: PacingClock = {
  nowMs: () => performance.now(),
  after: (ms, then) => {
    const timer = setTimeout(then, ms);
    timer.unref();
    return () => clearTimeout(timer);
  },
};

/** Tokens that refill evenly. */
class Bucket {
  readonly #rate: Rate;
  #tokens: number;
  #atMs: number;

  constructor(rate: Rate, nowMs: number) {
    this.#rate = rate;
    this.#tokens = rate.burst;
    this.#atMs = nowMs;
  }

  /** Ms until there is one; 0: now. */
  waitMs(nowMs: number): number {
    this.#fill(nowMs);
    if (this.#tokens >= 1) return 0;
    return Math.max(1, Math.ceil(((1 - this.#tokens) * this.#rate.perMs) / this.#rate.calls));
  }

  take(): void {
    this.#tokens -= 1;
  }

  /** As if nothing had been sent for long. */
  isFull(nowMs: number): boolean {
    this.#fill(nowMs);
    return this.#tokens >= this.#rate.burst;
  }

  #fill(nowMs: number): void {
    const { calls, perMs, burst } = this.#rate;
    const passed = Math.max(0, nowMs - this.#atMs);
    this.#tokens = Math.min(burst, this.#tokens + (passed * calls) / perMs);
    this.#atMs = nowMs;
  }
}

interface Waiting {
  readonly go: () => void;
}

interface Lane {
  readonly bucket: Bucket;
  readonly waiting: Waiting[];
  /** Whether it stands among the turns. */
  isQueued: boolean;
}

/** Of one account. */
export class Pacing {
  readonly #conversationRate: Rate;
  readonly #clock: PacingClock;
  readonly #account: Bucket;
  readonly #lanes = new Map<string, Lane>();
  /** Conversations in which somebody waits, in the order of their turns. */
  #turns: string[] = [];
  #waiting = 0;
  #cancel: (() => void) | undefined;

  constructor(
    rates: { readonly accountRate: Rate; readonly conversationRate: Rate },
    clock: PacingClock = pacingClock,
  ) {
    this.#conversationRate = rates.conversationRate;
    this.#clock = clock;
    this.#account = new Bucket(rates.accountRate, clock.nowMs());
  }

  /** Resolves when it is this send's turn. @throws RATE_LIMITED when too many wait, or the signal's reason. */
  turn(conversation: string, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.reject(signal.reason);
    if (this.#waiting >= PACED_MAX) {
      const message = `${PACED_MAX} sends of the account wait for their turn already.`;
      return Promise.reject(new RuntimeError("RATE_LIMITED", message, { retryAfterMs: 5_000 }));
    }
    const lane = this.#laneOf(conversation);
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        const at = lane.waiting.indexOf(mine);
        if (at === -1) return;
        lane.waiting.splice(at, 1);
        this.#waiting -= 1;
        reject(signal.reason);
      };
      const mine: Waiting = {
        go: () => {
          signal.removeEventListener("abort", leave);
          resolve();
        },
      };
      signal.addEventListener("abort", leave, { once: true });
      lane.waiting.push(mine);
      this.#waiting += 1;
      if (!lane.isQueued) this.#turns.push(conversation);
      lane.isQueued = true;
      this.#pump();
    });
  }

  /** How many wait. */
  get waiting(): number {
    return this.#waiting;
  }

  #laneOf(conversation: string): Lane {
    const known = this.#lanes.get(conversation);
    if (known !== undefined) return known;
    const nowMs = this.#clock.nowMs();
    if (this.#lanes.size >= CONVERSATIONS_KEPT) this.#forget(nowMs);
    const lane: Lane = {
      ...{ bucket: new Bucket(this.#conversationRate, nowMs), waiting: [], isQueued: false },
    };
    this.#lanes.set(conversation, lane);
    return lane;
  }

  #forget(nowMs: number): void {
    for (const [conversation, lane] of this.#lanes) {
      if (!lane.isQueued && lane.bucket.isFull(nowMs)) this.#lanes.delete(conversation);
    }
    // All of them are busy: the oldest that waits for nothing is forgotten, and may send early once.
    for (const [conversation, lane] of this.#lanes) {
      if (this.#lanes.size < CONVERSATIONS_KEPT) return;
      if (!lane.isQueued) this.#lanes.delete(conversation);
    }
  }

  /** Lets go whoever may, each conversation once a round, and comes again when the next may. */
  #pump(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    const nowMs = this.#clock.nowMs();
    let soonest = Number.POSITIVE_INFINITY;
    let hasGone = true;
    while (hasGone && this.#turns.length > 0) {
      hasGone = false;
      soonest = Number.POSITIVE_INFINITY;
      const again: string[] = [];
      for (const [at, conversation] of this.#turns.entries()) {
        const accountMs = this.#account.waitMs(nowMs);
        if (accountMs > 0) {
          soonest = Math.min(soonest, accountMs);
          // Those that have not had their turn are first in the next round.
          again.unshift(...this.#turns.slice(at));
          break;
        }
        const lane = this.#lanes.get(conversation);
        const [first] = lane?.waiting ?? [];
        if (lane === undefined) continue;
        lane.isQueued = lane.waiting.length > 0;
        if (first === undefined) continue;
        const laneMs = lane.bucket.waitMs(nowMs);
        if (laneMs === 0) {
          lane.bucket.take();
          this.#account.take();
          lane.waiting.shift();
          this.#waiting -= 1;
          first.go();
          hasGone = true;
        } else soonest = Math.min(soonest, laneMs);
        lane.isQueued = lane.waiting.length > 0;
        if (lane.isQueued) again.push(conversation);
      }
      this.#turns = again;
    }
    if (this.#turns.length === 0 || soonest === Number.POSITIVE_INFINITY) return;
    this.#cancel = this.#clock.after(soonest, () => this.#pump());
  }
}
