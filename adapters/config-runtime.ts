// The settings of threads, queues and storage, and of each worker's engine: part of config-schema.ts.

import type { KernelLimits } from "../runtime/kernel/kernel-port.ts";
import { type Fields, type IntegerField, integer } from "./config-field.ts";

const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;
const MINUTE_MS = 60_000;

/** The group `runtime`. */
export const systemLimits = {
  watchdogMs: integer("A worker that gives no sign for this long is replaced.", "ms", [
    10_000,
    200,
    10 * MINUTE_MS,
  ]),
  requestTimeoutMs: integer("Latest start of a message's handling.", "ms", [
    30_000,
    1,
    60 * MINUTE_MS,
  ]),
  requestsMax: integer(
    "Requests and subscriptions at once; one more is 429.",
    "requests",
    [100_000, 1, 1_000_000],
  ),
  wireItemsMax: integer("Items under way between two threads.", "items", [4_096, 64, 65_536]),
  backlogMax: integer(
    "Items waiting behind them; then the door refuses.",
    "items",
    [16_384, 64, 1_000_000],
  ),
  viewerBytesMax: integer("Kept for a slow viewer before it gets a gap.", "bytes", [
    MIB,
    KIB,
    64 * MIB,
  ]),
  tableWritesMax: integer("Table writes waiting; one more is 503.", "writes", [1_024, 1, 100_000]),
  deathsMax: integer(
    "Deaths of one worker in a minute; one more ends the process.",
    "deaths",
    [100, 1, 1_000],
  ),
  workerHeapMib: integer(
    "Heap of one worker; past it the thread is replaced. 0: as Node.js has it.",
    "MiB",
    [0, 0, 65_536],
  ),
  computeThreads: integer(
    "Threads for heavy computing, started when first needed; up to 4 more while slow tasks of several tenants run.",
    "threads",
    [1, 1, 64],
  ),
  computeQueueMax: integer("Tasks waiting for them; one more is 429.", "tasks", [256, 1, 100_000]),
  computeHeapMib: integer(
    "Heap of one of them; a task that needs more fails.",
    "MiB",
    [4_096, 64, 65_536],
  ),
  mapBytes: integer("Address space of each data file; it takes no disk.", "bytes", [
    64 * GIB,
    16 * MIB,
    1_024 * GIB,
  ]),
} as const satisfies Fields;

/** The group `engine`. */
export const kernelLimits = {
  cellsMax: integer(
    "Actors kept in memory by a worker; the longest idle hibernate.",
    "actors",
    [50_000, 10, 10_000_000],
  ),
  sliceTurns: integer(
    "Turns before other work of the thread gets its turn; short ones go on for 0.1 ms.",
    "turns",
    [64, 1, 10_000],
  ),
  sliceMs: integer("Longest slice of turns.", "ms", [4, 1, 1_000]),
  // A turn, after what its batch has already, must find room in one packet (100,000 rows, 48 MiB).
  batchRows: integer("Rows of one commit batch.", "rows", [1_000, 64, 10_000]),
  batchBytes: integer("Bytes of one commit batch.", "bytes", [1_000_000, 64 * KIB, 4 * MIB]),
  turnRows: integer("Rows one turn may write.", "rows", [1_000, 10, 40_000]),
  turnBytes: integer("Bytes one turn may write.", "bytes", [1_000_000, 16 * KIB, 32 * MIB]),
  turnSends: integer("Messages and runs a turn may send.", "sends", [10_000, 10, 10_000]),
  stateBytes: integer("Bytes of an actor's state.", "bytes", [16 * MIB, 64 * KIB, 32 * MIB]),
  turnTotalBytes: integer("All that a turn stores.", "bytes", [32 * MIB, 64 * KIB, 32 * MIB]),
  failuresMax: integer("Failures of a message before it is a dead letter.", "times", [5, 1, 100]),
  deadLettersMax: integer(
    "Dead letters of one tenant; past it the oldest are dropped (to within a tenth for each worker).",
    "letters",
    [10_000, 1, 1_000_000],
  ),
  letterReplaysMax: integer("Times a dead letter can be replayed.", "times", [10, 0, 1_000]),
  stepsMax: integer("Steps of one run.", "steps", [1_000, 10, 100_000]),
  depthMax: integer("Depth of runs under runs.", "runs", [8, 1, 64]),
  childrenMax: integer("Child runs of one run.", "runs", [100, 1, 10_000]),
  graceMs: integer("A cancelled run ends by itself within this, else it is ended.", "ms", [
    5_000,
    10,
    10 * MINUTE_MS,
  ]),
  runsMax: integer(
    "Runs kept in memory by a worker; past it those that wait hibernate at once.",
    "runs",
    [10_000, 10, 10_000_000],
  ),
  runIdleMs: integer("A run that only waits hibernates after this.", "ms", [
    30_000,
    10,
    60 * MINUTE_MS,
  ]),
  retentionDays: integer(
    "The log, input and reply of an ended run are kept this long; 0: for ever.",
    "days",
    [30, 0, 3_650],
  ),
  seenKeysMax: integer(
    "Idempotency keys remembered of one tenant; one more is 429.",
    "keys",
    [5_000_000, 1, 1_000_000_000],
  ),
  inboxBytesMax: integer("Waiting messages of one tenant at a worker; then it gets 429.", "bytes", [
    64 * MIB,
    64 * KIB,
    16 * GIB,
  ]),
  viewersMax: integer(
    "Viewers of runs at a worker; one more is 429.",
    "viewers",
    [100_000, 1, 10_000_000],
  ),
} satisfies Record<keyof KernelLimits, IntegerField>;
