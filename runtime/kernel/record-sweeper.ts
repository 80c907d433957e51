// Trims the records of runs that ended longer ago than they are kept: the log, the input, the reply.
// What stays is a small row that says how and when the run ended; whoever wants to see its events
// is told that they were trimmed.

import { idsFrom } from "../id.ts";
import { HOUR_MS } from "../runs/ended-marks.ts";
import { decodeRun, encodeRun, type StoredRun } from "../runs/run-row.ts";
import { decode, encode, isSealedValue } from "../store/codec.ts";
import { keys, prefixRange } from "../store/keys.ts";
import type { Row } from "../store/store.ts";
import type { Engine } from "./engine.ts";
import { SWEEPING_SHARD } from "./sweeper.ts";

const DAY_MS = 24 * HOUR_MS;
/** Runs and log chunks of one sweep: never so many that they fill a batch. */
const RUNS_A_SWEEP = 100;
const CHUNKS_A_SWEEP = 200;
const RUN_PREFIX = "rn";

/** What one sweep may still trim. */
interface Left {
  runs: number;
  chunks: number;
}

/** Trims some records whose time is over; whether there may be more. */
export async function sweepRecords(engine: Engine): Promise<boolean> {
  const { committer, limits, options } = engine;
  if (limits.retentionDays === 0) return false;
  const hour = Math.floor((options.clock.now() - limits.retentionDays * DAY_MS) / HOUR_MS);
  const marks = await committer.range({ ...keys.runsEndedBefore(hour), limit: RUNS_A_SWEEP });
  const owner = { shard: SWEEPING_SHARD };
  const left: Left = { runs: RUNS_A_SWEEP, chunks: CHUNKS_A_SWEEP };
  let isHindered = false;
  for (const mark of marks) {
    // Of a tenant whose key is gone nothing can be trimmed: its rows go with it, and others' are for now.
    if (isSealedValue(mark.value)) {
      isHindered = true;
      continue;
    }
    const rows = await runsOf(engine, mark);
    for (const row of rows) {
      if (left.runs === 0) return true;
      // The rest of a long log is for the next sweep: its run is found again.
      if (!(await trim(engine, mark, row, left))) return true;
      const value = encode({ after: row.key });
      committer.write(owner, { op: "put", key: mark.key, value });
    }
    if (rows.length >= RUNS_A_SWEEP) return true;
    committer.write(owner, { op: "remove", key: mark.key });
  }
  // What could not be done now would be found again at once.
  return marks.length === RUNS_A_SWEEP && !isHindered;
}

/** Row of the run that a mark names; or of the next ones that it stands for, after those it has been followed to. */
async function runsOf({ committer }: Engine, mark: Row): Promise<readonly Row[]> {
  const { hour, tenant, run } = keys.ended(mark.key);
  const runs = keys.runsOf(tenant);
  if (run !== null) {
    const value = await committer.get(runs + run);
    return value === undefined ? [] : [{ key: runs + run, value }];
  }
  const { after } = (decode(mark.value) ?? {}) as { readonly after?: string };
  const from = after === undefined ? runs + idsFrom(RUN_PREFIX, hour * HOUR_MS) : `${after} `;
  const to = runs + idsFrom(RUN_PREFIX, (hour + 1) * HOUR_MS);
  return await committer.range({ from, to, limit: RUNS_A_SWEEP });
}

/** Trims a run, or takes a piece of its log away; whether it is done with. */
async function trim(engine: Engine, mark: Row, { key, value }: Row, left: Left): Promise<boolean> {
  const { committer, metrics } = engine;
  if (isSealedValue(value)) return true;
  const row = decodeRun(key, value);
  // One of the hour's that has ended later, or not at all, has a mark of its own.
  if (Math.floor((row.endedAt ?? 0) / HOUR_MS) !== keys.ended(mark.key).hour) return true;
  const owner = { shard: SWEEPING_SHARD };
  left.runs -= 1;
  const chunks = await committer.range(prefixRange(keys.journalOf(row.address), left.chunks));
  for (const chunk of chunks) committer.write(owner, { op: "remove", key: chunk.key });
  left.chunks -= chunks.length;
  if (left.chunks <= 0) return false;
  committer.write(owner, { op: "put", key, value: encodeRun(trimmed(row)) });
  metrics.count("recordsTrimmed");
  return true;
}

function trimmed(row: StoredRun): StoredRun {
  const { outcome } = row;
  const error = (outcome as { readonly error?: unknown } | null)?.error;
  const kept = error === undefined ? null : { status: row.status, error };
  return { ...row, input: null, outcome: kept, reply: null };
}
