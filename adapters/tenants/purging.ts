// Sees to it that what removed tenants left in the files goes in time: the server is started again, which
// compacts, in an hour in which little is done, at the latest when the time is up.

import type { Log } from "../../runtime/log.ts";
import { compactionDueSince } from "./due.ts";

/** Looked for so often at most and at least, ms. */
const LOOK_MS = { most: 60_000, least: 250 } as const;
/** Share of the time that threads may be at work for it to be little. */
const LITTLE = 0.1;

/** When it is done, ms after the rows of the first tenant were gone. */
export interface PurgeTimes {
  /** From then on when little is done. Also the least time between two tries. */
  readonly idleAfterMs: number;
  readonly latestMs: number;
}

/** What it works with. */
export interface PurgingOptions extends PurgeTimes {
  /** The data folder. */
  readonly data: string;
  readonly log: Log;
  nowMs(): number;
  /** How busy threads are, 0..1. */
  busy(): number;
  /** Has the server started again. */
  restart(): void;
}

/** Goes on looking. @returns what stops it. */
export function keepPurging(options: PurgingOptions): () => void {
  const { idleAfterMs, log } = options;
  const look = purger(options);
  let isLooking = false;
  const timer = setInterval(
    () => {
      if (isLooking) return;
      isLooking = true;
      look()
        .catch((error: unknown) => {
          log.write("warn", "Whether a compaction is due could not be seen.", { err: error });
        })
        .finally(() => {
          isLooking = false;
        });
    },
    Math.max(LOOK_MS.least, Math.min(LOOK_MS.most, idleAfterMs)),
  );
  timer.unref();
  return () => clearInterval(timer);
}

/** One look, which restarts when it is time. A try that has come to nothing is followed by another one. */
export function purger(options: PurgingOptions): () => Promise<boolean> {
  const { data, idleAfterMs, latestMs, log, nowMs, busy, restart } = options;
  let triedMs = nowMs();
  return async () => {
    const sinceMs = await compactionDueSince(data);
    if (sinceMs === null || nowMs() - triedMs < idleAfterMs) return false;
    const waitedMs = nowMs() - sinceMs;
    const isTime = waitedMs >= latestMs || (waitedMs >= idleAfterMs && busy() < LITTLE);
    if (!isTime) return false;
    triedMs = nowMs();
    log.write("warn", "The server is started again to compact the data folder.", { waitedMs });
    restart();
    return true;
  };
}
