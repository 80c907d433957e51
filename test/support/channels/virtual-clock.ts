// Time of a platform that is played: it stands still until a test moves it, or runs many times faster than ours.

/** A clock with things to do. */
export interface VirtualClock {
  nowMs(): number;
  /** Done when the clock has come so far. */
  after(ms: number, act: () => Promise<void> | void): void;
  /** Moves it: what is due meanwhile is done, in order, one after the other. */
  advance(ms: number): Promise<void>;
  /** Lets it run, so many ms for each of ours, until it is stopped. */
  run(factor: number): void;
  stop(): void;
}

const ACTS_MAX = 100_000;
const TICK_MS = 5;

/** A clock that stands at `startMs`. */
export function virtualClock(startMs: number): VirtualClock {
  let now = startMs;
  let order = 0;
  const acts: { atMs: number; order: number; act: () => Promise<void> | void }[] = [];
  let ticking: NodeJS.Timeout | null = null;
  let isMoving = false;
  const advance = async (ms: number): Promise<void> => {
    const until = now + ms;
    for (;;) {
      acts.sort((a, b) => a.atMs - b.atMs || a.order - b.order);
      const [next] = acts;
      if (next === undefined || next.atMs > until) break;
      acts.shift();
      now = Math.max(now, next.atMs);
      await next.act();
    }
    now = until;
  };
  return {
    nowMs: () => now,
    after(ms, act) {
      if (acts.length >= ACTS_MAX) throw new Error("The virtual clock has too much to do.");
      order += 1;
      acts.push({ atMs: now + ms, order, act });
    },
    advance,
    run(factor) {
      ticking = setInterval(() => {
        if (isMoving) return;
        isMoving = true;
        const done = () => {
          isMoving = false;
        };
        advance(TICK_MS * factor).then(done, done);
      }, TICK_MS);
    },
    stop() {
      if (ticking !== null) clearInterval(ticking);
      acts.length = 0;
    },
  };
}
