// The order in which runs ended, for retention (record-sweeper.ts). Most runs end in the hour in which
// they began, and their ids say when that was: one row an hour and tenant stands for all of them, so
// that the end of a run need not write one of its own.

import { idTimeMs } from "../id.ts";
import type { Participant } from "../kernel/commit-batch.ts";
import type { Committer } from "../kernel/committer.ts";
import { encode } from "../store/codec.ts";
import { keys } from "../store/keys.ts";

export const HOUR_MS = 3_600_000;
/** Value of a row that says everything by its key. */
const ENDED = encode(null);
/** Tenants of one hour that are remembered; another one's row is written again. */
const KNOWN_MAX = 10_000;

/** Whether a run that ended in this hour is one of those that its hour's row stands for. */
function isOfHour(run: string, hour: number): boolean {
  const beganMs = idTimeMs(run);
  return beganMs !== null && Math.floor(beganMs / HOUR_MS) === hour;
}

/** Writes the marks of one kernel. */
export class EndedMarks {
  readonly #committer: Committer;
  /** Tenants whose row of `#hour` is committed. */
  readonly #known = new Set<string>();
  #hour = 0;

  constructor(committer: Committer) {
    this.#committer = committer;
  }

  /** Marks that a root run ends now, as a part of the turn of `owner`. */
  write(owner: Participant, ended: { endedAt: number; tenant: string; run: string }): void {
    const { endedAt, tenant, run } = ended;
    const hour = Math.floor(endedAt / HOUR_MS);
    if (!isOfHour(run, hour)) {
      this.#put(owner, keys.runEnded(hour, tenant, run));
      return;
    }
    if (hour !== this.#hour || this.#known.size >= KNOWN_MAX) {
      this.#hour = hour;
      this.#known.clear();
    }
    if (this.#known.has(tenant)) return;
    this.#put(owner, keys.runsEndedIn(hour, tenant));
    this.#committer.afterCommitted(() => {
      if (this.#hour === hour) this.#known.add(tenant);
    });
  }

  #put(owner: Participant, key: string): void {
    this.#committer.write(owner, { op: "put", key, value: ENDED });
  }
}
