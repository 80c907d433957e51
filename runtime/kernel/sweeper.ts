// Removes what is over (seen keys, records of runs) a little at a time, so that no sweep holds up
// the writer: again soon while there is more, else now and then. One kernel does it for all: the one
// that owns the first shard.

import type { Engine } from "./engine.ts";

const EVERY_MS = 600_000;
const AGAIN_MS = 500;

/** The shard whose owner sweeps. */
export const SWEEPING_SHARD = 0;

/** Removes some of what is over; whether there may be more. */
export type Sweep = (engine: Engine) => Promise<boolean>;

/** Sweeps for as long as the kernel lives. */
export function keepSweeping(engine: Engine, sweep: Sweep): void {
  const next = (ms: number): void => {
    engine.options.clock.after(ms, () => {
      once(engine, sweep).then(
        (hasMore) => next(hasMore ? AGAIN_MS : EVERY_MS),
        () => {
          engine.metrics.count("sweepFailures");
          next(EVERY_MS);
        },
      );
    });
  };
  next(EVERY_MS);
}

async function once(engine: Engine, sweep: Sweep): Promise<boolean> {
  if (engine.epochOf(SWEEPING_SHARD) === undefined) return false;
  return engine.committer.isFull || sweep(engine);
}
