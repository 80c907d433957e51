// Trims the records of runs that ended longer ago than they are kept: the log, the input, the reply.
// What stays is a small row that says how and when the run ended; whoever wants to see its events
// is told that they were trimmed.

import { decodeRun, encodeRun, type StoredRun } from "../runs/run-row.ts";
import { encode } from "../store/codec.ts";
import { keys, prefixRange } from "../store/keys.ts";
import type { Engine } from "./engine.ts";
import { SWEEPING_SHARD } from "./sweeper.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Runs and log chunks of one sweep: never so many that they fill a batch. */
const RUNS_A_SWEEP = 100;
const CHUNKS_A_SWEEP = 200;

/** Value of a row in the order of ends: its key says everything. */
export const ENDED = encode(null);

/** Row in the order of ends of a run that ends now. */
export function endedKey(endedAt: number, tenant: string, run: string): string {
  return keys.runEnded(Math.floor(endedAt / HOUR_MS), tenant, run);
}

/** Trims some records whose time is over; whether there may be more. */
export async function sweepRecords(engine: Engine): Promise<boolean> {
  const { committer, limits, options, metrics } = engine;
  if (limits.retentionDays === 0) return false;
  const hour = Math.floor((options.clock.now() - limits.retentionDays * DAY_MS) / HOUR_MS);
  const ended = await committer.range({ ...keys.runsEndedBefore(hour), limit: RUNS_A_SWEEP });
  const owner = { shard: SWEEPING_SHARD };
  let chunksLeft = CHUNKS_A_SWEEP;
  for (const { key } of ended) {
    const runKey = keys.runOfEnded(key);
    const bytes = await committer.get(runKey);
    const row = bytes === undefined ? null : decodeRun(runKey, bytes);
    if (row !== null) {
      const chunks = await committer.range(prefixRange(keys.journalOf(row.address), chunksLeft));
      for (const chunk of chunks) committer.write(owner, { op: "remove", key: chunk.key });
      chunksLeft -= chunks.length;
      // The rest of a long log is for the next sweep: its run is found again.
      if (chunksLeft <= 0) return true;
      committer.write(owner, { op: "put", key: runKey, value: encodeRun(trimmed(row)) });
      metrics.count("recordsTrimmed");
    }
    committer.write(owner, { op: "remove", key });
  }
  return ended.length === RUNS_A_SWEEP;
}

function trimmed(row: StoredRun): StoredRun {
  const { outcome } = row;
  const error = (outcome as { readonly error?: unknown } | null)?.error;
  const kept = error === undefined ? null : { status: row.status, error };
  return { ...row, input: null, outcome: kept, reply: null };
}
