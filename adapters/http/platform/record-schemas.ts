// Runs as a whole, as schemas: their trees, and the items of their records.

import { type TSchema, Type } from "../../../actors/schema.ts";
import { named, optional, reference } from "../openapi/named.ts";
import { count, orNull, toldError } from "../openapi/responses.ts";

const closed = { additionalProperties: false } as const;
const text = Type.String();
const any = Type.Unknown();
const runStatus = Type.String({
  enum: ["held", "running", "completed", "failed", "cancelled", "expired", "exhausted"],
});
const ms = Type.Number({ description: "Ms since the epoch." });

const step = Type.Object(
  {
    key: Type.String({ description: "Names it for a fork; of a child run behind its id and `/`." }),
    status: Type.String({ enum: ["begun", "completed", "failed"] }),
    attempt: count,
  },
  closed,
);

/** A run with the runs that it has started. */
export const treeSchema: TSchema = named(
  "RunTree",
  Type.Object(
    {
      id: text,
      kind: text,
      key: orNull(Type.String({ description: "Step of the run above that started it." })),
      status: runStatus,
      target: orNull(Type.String({ description: "What answers in it: an agent, a team ..." })),
      error: orNull(toldError),
      steps: Type.Array(step),
      children: Type.Array(reference("RunTree")),
    },
    closed,
  ),
);

/** How a run has ended. */
export const outcomeSchema: TSchema = named(
  "RunOutcome",
  Type.Object(
    {
      status: Type.String({ enum: ["completed", "failed", "cancelled", "expired", "exhausted"] }),
      result: Type.Optional(any),
      error: optional(toldError),
      shown: Type.Optional(Type.String({ description: "Text of the step that was cut." })),
    },
    closed,
  ),
);

const run = Type.Object(
  {
    id: text,
    kind: text,
    address: text,
    parent: text,
    status: runStatus,
    input: any,
    startedAt: ms,
    deadlineMs: Type.Number(),
    endedAt: orNull(ms),
    outcome: any,
    reply: any,
    fork: Type.Optional(
      Type.Object(
        { run: text, entries: count },
        { ...closed, description: "The run with whose first log entries it began." },
      ),
    ),
    asker: Type.Optional(any),
    trace: Type.Optional(
      Type.String({ description: "Its `traceparent`, a semicolon, and the id of the request." }),
    ),
  },
  closed,
);

const of = { run: text, key: text };
const tried = { ...of, attempt: count };
const entry = (type: string, fields: Readonly<Record<string, TSchema>>): TSchema =>
  Type.Object({ type: Type.Literal(type), ...fields }, closed);
const logged = (type: string, fields: Readonly<Record<string, TSchema>>): TSchema =>
  entry(type, { ...fields, ...times });
const times = {
  afterMs: Type.Optional(Type.Number({ description: "When, in ms after its root run began." })),
  tookMs: Type.Optional(Type.Number({ description: "How long a step was performed, ms." })),
};
const done = { print: text, atMs: Type.Optional(ms) };

const logEntry = named(
  "RunLogEntry",
  Type.Union([
    logged("child", { ...of, parent: text, kind: text, input: any, deadlineMs: Type.Number() }),
    logged("try", {
      ...tried,
      untilMs: Type.Optional(ms),
      sinceMs: Type.Optional(ms),
      sent: Type.Optional(text),
    }),
    logged("step", {
      ...tried,
      ...done,
      result: any,
      streamed: Type.Optional(Type.Boolean()),
      sent: Type.Optional(text),
    }),
    logged("failed", { ...tried, ...done, error: toldError }),
    logged("event", { ...of, event: any }),
    logged("cancel", { run: text, reason: text }),
    logged("steer", { run: text, value: any }),
    logged("decide", { ...of, value: any }),
    logged("at-end", { ...of, to: text, message: any, unless: Type.Optional(text) }),
    logged("resumed", { run: text, incarnation: count, mark: Type.Optional(text) }),
    logged("forked", { run: text }),
    logged("end", { run: text, outcome: outcomeSchema, atMs: Type.Optional(ms) }),
  ]),
);

const row = Type.Object({ table: text, id: text, value: any }, closed);
const record = Type.Object({ owner: text, key: text, value: any }, closed);

/** A piece of a record: the run, entries of its log, versions that it reads, messages. */
export const recordItem: TSchema = named(
  "RunRecordItem",
  Type.Union([
    entry("run", { run }),
    entry("log", { entries: Type.Array(logEntry) }),
    entry("row", { row }),
    entry("record", { record }),
  ]),
);
