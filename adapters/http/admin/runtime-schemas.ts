// What the routes of the live runtime answer, as schemas.

import { type TSchema, Type } from "../../../actors/schema.ts";
import { named, reference } from "../openapi/named.ts";
import { count, orNull, time } from "../openapi/responses.ts";

const closed = { additionalProperties: false } as const;
const text = Type.String();
const figure = Type.Number();
const counters = Type.Record(Type.String(), figure);
const silent = Type.Array(count, {
  description: "Numbers of workers that gave no answer in time.",
});
const leftOut = Type.Integer({ minimum: 0, description: "Rows that the limit has cut off." });

const quantiles = named(
  "Quantiles",
  Type.Object(
    { count, mean: figure, p50: figure, p95: figure, p99: figure },
    { ...closed, description: "Of a histogram, estimated within its buckets." },
  ),
);

const lag = named(
  "LoopLag",
  Type.Object({ p50Ms: figure, p99Ms: figure, maxMs: figure, count, sumMs: figure }, closed),
);

const kind = Type.Object(
  {
    actors: count,
    waiting: count,
    deepest: count,
    counters,
    turn_ms: quantiles,
    queue_wait_ms: quantiles,
    mailbox_depth: quantiles,
  },
  closed,
);

const engine = {
  actors: count,
  runs: count,
  waiting: Type.Integer({ minimum: 0, description: "Messages that wait for a turn." }),
  quarantined: count,
  counters,
  run_kinds: counters,
  batch_rows: quantiles,
  commit_ms: quantiles,
  flush_ms: quantiles,
  kinds: Type.Record(Type.String(), kind),
};

const startingEngine = Object.fromEntries(
  Object.entries(engine).map(([name, schema]) => [name, Type.Optional(schema)]),
);

const worker = named(
  "WorkerFigures",
  Type.Object(
    {
      worker: count,
      up: Type.Boolean(),
      age_ms: orNull(figure),
      shards: count,
      backlog: count,
      lag: orNull(lag),
      ...startingEngine,
    },
    { ...closed, description: "A worker thread; without figures while it starts." },
  ),
);

const storage = named(
  "StorageFigures",
  Type.Object(
    {
      queuedBatches: count,
      queuedBytes: count,
      transactions: count,
      rows: count,
      refusals: count,
      group_batches: quantiles,
      commit_ms: quantiles,
      flush_ms: quantiles,
    },
    closed,
  ),
);

const actor = named(
  "RuntimeActor",
  Type.Object(
    {
      address: text,
      tenant: text,
      kind: text,
      worker: count,
      state: Type.String({ enum: ["idle", "ready", "held", "reading", "loading", "quarantined"] }),
      mailbox: count,
      waiting_since: orNull(time),
      last_used: time,
      failures: count,
    },
    closed,
  ),
);

const step = Type.Object(
  {
    key: text,
    type: Type.String({ enum: ["step", "child", "ask", "wait"] }),
    since: time,
    until: orNull(time),
    to: orNull(text),
  },
  closed,
);

const run = named(
  "RuntimeRun",
  Type.Object(
    {
      id: text,
      address: text,
      kind: text,
      worker: count,
      parent: text,
      state: Type.String({ enum: ["running", "stopping", "ended"] }),
      started_at: orNull(time),
      deadline: time,
      steps_done: count,
      steps: Type.Array(step),
      children: Type.Array(reference("RuntimeRun")),
    },
    closed,
  ),
);

const wait = named(
  "RuntimeWait",
  Type.Object(
    {
      from: text,
      run: text,
      tenant: text,
      step: text,
      type: Type.String({ enum: ["ask", "decision"] }),
      to: orNull(text),
      since: time,
      until: time,
      worker: count,
    },
    closed,
  ),
);

const circles = Type.Array(
  Type.Object({ addresses: Type.Array(text), waits: Type.Array(wait) }, closed),
  { description: "Circles of waits: each ends where it begins." },
);

const lost = Type.Object({ worker: count, at: figure, reason: text, actor: text }, closed);

/** The runtime as a whole. */
export const runtimeSchema: TSchema = named(
  "RuntimeFigures",
  Type.Object(
    {
      boots: count,
      worker_deaths: count,
      lost_workers: Type.Array(lost),
      shard_moves: count,
      silent_workers: silent,
      main: Type.Object({ lag }, closed),
      door: counters,
      compute: counters,
      workers: Type.Array(worker),
      total: Type.Object(engine, closed),
      storage: Type.Record(Type.String(), storage),
      deepest: Type.Array(actor),
      waits: Type.Object({ count, circles }, closed),
    },
    closed,
  ),
);

/** Actors in memory. */
export const actorsSchema: TSchema = Type.Object(
  { data: Type.Array(actor), left_out: leftOut, silent_workers: silent },
  closed,
);

/** What stands below one root. */
export const treeSchema: TSchema = Type.Object(
  {
    tenant: text,
    root: text,
    actors: Type.Array(actor),
    runs: Type.Array(run),
    left_out: leftOut,
    silent_workers: silent,
  },
  closed,
);

/** Who waits for whom. */
export const waitsSchema: TSchema = Type.Object(
  { count, data: Type.Array(wait), circles, silent_workers: silent },
  closed,
);

/** How many workers there are. */
export const workersSchema: TSchema = Type.Object({ workers: count }, closed);

/** An actor that goes on. */
export const releasedSchema: TSchema = Type.Object(
  { address: text, released: Type.Literal(true) },
  closed,
);
