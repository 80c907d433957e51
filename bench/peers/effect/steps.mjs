// Workflows of small activities on a cluster of one runner, stored in sqlite; the folder of the data
// is in PEER_DATA.

import { ClusterWorkflowEngine, SingleRunner } from "@effect/cluster";
import { SqlClient } from "@effect/sql";
import { SqliteClient } from "@effect/sql-sqlite-node";
import { Activity, Workflow } from "@effect/workflow";
import { Effect, Layer, Logger, ManagedRuntime, Schema } from "effect";
import { level, measureRuns, STEPS } from "../steps.mjs";

const steps = Workflow.make({
  name: "steps",
  payload: { id: Schema.String },
  success: Schema.Number,
  idempotencyKey: ({ id }) => id,
});
const program = steps.toLayer(() =>
  Effect.gen(function* () {
    let sum = 0;
    for (let at = 1; at <= STEPS; at += 1) {
      sum += yield* Activity.make({ name: `step${at}`, success: Schema.Number, execute: Effect.succeed(at) });
    }
    return sum;
  }),
);
const sync = Layer.effectDiscard(
  Effect.flatMap(SqlClient.SqlClient, (sql) =>
    sql.unsafe(`PRAGMA synchronous = ${level === "flushed" ? "FULL" : "NORMAL"}`),
  ),
);
const sqlite = SqliteClient.layer({ filename: `${process.env.PEER_DATA}/steps.sqlite` });
const runtime = ManagedRuntime.make(
  program.pipe(
    Layer.provideMerge(ClusterWorkflowEngine.layer),
    Layer.provideMerge(SingleRunner.layer()),
    Layer.provideMerge(sync),
    Layer.provideMerge(sqlite),
    Layer.provideMerge(Logger.minimumLogLevel({ _tag: "Warning", label: "WARN", syslog: 4, ordinal: 30000 })),
  ),
);
await measureRuns((id) => runtime.runPromise(steps.execute({ id })));
