// Who is watching which run, for `on_disconnect: cancel`: when the last viewer of such a run has
// gone and none came back within the grace, the run is cancelled. A run that nobody asked to be
// cancelled goes on by itself.

/** Time a viewer has to come back, ms. */
export const DISCONNECT_GRACE_MS = 5_000;

/** A viewer's place; leaving twice is leaving once. */
export interface Subscription {
  /** `hasEnded`: the run is over, nothing is left to cancel. */
  leave(hasEnded: boolean): void;
}

/** Viewers of runs. */
export interface Subscribers {
  /** `cancelOnLeave` holds for the run from then on. */
  join(tenant: string, run: string, cancelOnLeave: boolean): Subscription;
}

interface Watched {
  viewers: number;
  cancelOnLeave: boolean;
  timer: NodeJS.Timeout | null;
}

/** Counts viewers. @param cancel must not reject. */
export function createSubscribers(
  cancel: (tenant: string, run: string) => Promise<void>,
  graceMs: number = DISCONNECT_GRACE_MS,
): Subscribers {
  const runs = new Map<string, Watched>();
  return {
    join: (tenant, run, cancelOnLeave) => {
      const key = `${tenant}/${run}`;
      const watched = runs.get(key) ?? { viewers: 0, cancelOnLeave: false, timer: null };
      runs.set(key, watched);
      watched.viewers += 1;
      watched.cancelOnLeave ||= cancelOnLeave;
      if (watched.timer !== null) clearTimeout(watched.timer);
      watched.timer = null;
      let isHere = true;
      return {
        leave: (hasEnded) => {
          if (!isHere) return;
          isHere = false;
          watched.viewers -= 1;
          if (watched.viewers > 0) return;
          if (hasEnded || !watched.cancelOnLeave) {
            runs.delete(key);
            return;
          }
          watched.timer = setTimeout(() => {
            runs.delete(key);
            void cancel(tenant, run);
          }, graceMs);
          watched.timer.unref();
        },
      };
    },
  };
}
