// Events of runs as schemas: the frames that a viewer is sent, and in those of the type `event` what the
// run shows. Their types are the code's own: one without a schema here does not compile.

import type { ChatEvent } from "../../../actors/records/conversation.ts";
import { type TSchema, Type } from "../../../actors/schema.ts";
import type { Frame } from "../../../runtime/frame.ts";
import { type DescribedEvent, eventStreamOf } from "../openapi/event-streams.ts";
import { named, optional } from "../openapi/named.ts";
import { anyObject, count, orNull, time, toldError } from "../openapi/responses.ts";
import { jobSchema } from "./job-schemas.ts";
import { outcomeSchema } from "./record-schemas.ts";
import { findingSchema, recalledMemory, routingSchema, sourceSchema } from "./reply-schemas.ts";

type Properties = Readonly<Record<string, TSchema>>;

const closed = { additionalProperties: false } as const;
const text = Type.String();
const any = Type.Unknown();
const why = Type.Object({ code: text, message: text }, closed);
const call = { id: text, name: text };

/** A schema for each field of a member of a union that its `type` tells. */
type FieldsOf<Union extends { readonly type: string }, T> = {
  readonly [F in Exclude<keyof Extract<Union, { readonly type: T }>, "type">]-?: TSchema;
};

/** What a run that answers shows between its text, by type. */
const shown: { readonly [T in ChatEvent["type"]]: FieldsOf<ChatEvent, T> } = {
  routing: { routing_info: routingSchema },
  sources: {
    sources: Type.Array(sourceSchema),
    nothing_relevant: Type.Optional(Type.Literal(true)),
    degraded: optional(toldError),
  },
  memories: { memories: Type.Array(recalledMemory) },
  memory_skipped: { reason: text },
  memory_written: { id: orNull(text), status: text },
  tool_call: { ...call, arguments: any },
  tool_result: { ...call, result: any },
  client_tool_call: { ...call, index: count, arguments: text },
  node: {
    node: text,
    state: Type.String({ enum: ["started", "waiting", "completed", "failed"] }),
  },
  approval_requested: {
    id: text,
    run_id: text,
    agent_key: orNull(text),
    tool: text,
    arguments: anyObject,
    reason: text,
    expires_at: time,
  },
  approval_decided: {
    id: text,
    tool: text,
    decision: Type.String({ enum: ["approve", "reject"] }),
    by: text,
    note: Type.Optional(text),
  },
  auth_required: {
    ...{ id: text, run_id: text, integration: text, reason: text, url: text },
    ...{ code: Type.Optional(text), remote: Type.Optional(Type.Literal(true)) },
    expires_at: time,
  },
  auth_settled: {
    ...{ id: text, integration: text },
    outcome: Type.String({ enum: ["connected", "declined", "expired", "refused"] }),
  },
  waiting_for_target: {
    ...{ id: text, run_id: text, target: text, reason: text },
    expires_at: time,
  },
  target_settled: {
    ...{ id: text, target: text },
    outcome: Type.String({ enum: ["back", "expired", "refused"] }),
  },
  guardrail: { findings: Type.Array(findingSchema) },
  escalated: { to: text, reason: text },
  handoff: { from: text, to: text, name: text, reason: text },
  notice: { text },
  team_plan: {
    tasks: Type.Array(
      Type.Object({ id: text, member: text, task: text, after: Type.Array(text) }, closed),
    ),
    fallback: Type.Optional(Type.String({ enum: ["members", "leader"] })),
  },
  member: {
    turn: text,
    member: text,
    depth: count,
    target: text,
    state: Type.String({ enum: ["started", "completed", "failed"] }),
    run: orNull(text),
    error: Type.Optional(why),
    next: Type.Optional(Type.String({ enum: ["fail", "skip", "retry", "substitute"] })),
  },
  team_stop: {
    by: Type.String({
      enum: ["rounds", "tasks", "leader", "phrase", "tokens", "turns", "failures"],
    }),
    reason: text,
  },
};

const document = Type.Object(
  { number: count, id: text, status: text, chunks: count, error: optional(toldError) },
  closed,
);

/** What the runs of ingestion jobs show, and those that deliver webhooks. */
const shownByJobs: Readonly<Record<string, Properties>> = {
  documents: { documents: Type.Array(document) },
  chunks: { chunks: count },
  progress: { documents: count, chunks: count },
  waiting: { code: text, message: text, attempts: count, attempts_max: count },
  "going-on": {},
};
const shownByWebhooks: Readonly<Record<string, Properties>> = {
  webhook_attempt: { attempt: count, status: orNull(count), error: orNull(why) },
};

function eventsOf(name: string, types: Readonly<Record<string, Properties>>): TSchema {
  const all = Object.entries(types).map(([type, fields]) =>
    Type.Object({ type: Type.Literal(type), ...fields }, closed),
  );
  return named(name, all.length === 1 ? (all[0] as TSchema) : Type.Union(all));
}

const chatEvent = eventsOf("RunEvent", shown);
const jobEvent = eventsOf("JobEvent", shownByJobs);
const webhookEvent = eventsOf("WebhookEvent", shownByWebhooks);

const place = { id: text, run: text };
const writing = { ...place, step: text, attempt: count };

const frame = (type: string, fields: Properties): TSchema =>
  Type.Object({ type: Type.Literal(type), ...fields }, closed);

/** Frames that viewers are not sent: they are answered, or are for callers that wait. */
type Unseen = "accepted" | "refused" | "paused";

/** Frames beside those of events. */
const frames: { readonly [T in Exclude<Frame["type"], Unseen | "event">]: TSchema } = {
  text: named("TextFrame", frame("text", { ...writing, offset: count, text })),
  reset: named("ResetFrame", frame("reset", writing)),
  "text-end": named("TextEndFrame", frame("text-end", { ...writing, text })),
  gap: named("GapFrame", frame("gap", { ...place, frames: count })),
  end: named(
    "EndFrame",
    frame("end", {
      ...place,
      outcome: outcomeSchema,
      reply: Type.Unknown({
        description: "What the run gave; of one that answers an Answer without its id and status.",
      }),
      counters: Type.Optional(Type.Record(Type.String(), Type.Number())),
    }),
  ),
};

const accepted = named(
  "RunAccepted",
  Type.Object(
    {
      run: text,
      conversation_key: orNull(text),
      message_id: text,
      agent_version: count,
      model: text,
    },
    { additionalProperties: true },
  ),
);

const failed: DescribedEvent = [
  "error",
  Type.Object(
    { code: text, detail: text, status: count },
    { additionalProperties: true, description: "A Problem: the run goes on without this viewer." },
  ),
];

/** A stream of a run that shows these events, behind those that only this stream begins with. */
function streamOf(
  description: string,
  events: readonly TSchema[],
  head: readonly DescribedEvent[] = [],
): TSchema {
  const event = events.length === 1 ? (events[0] as TSchema) : Type.Union([...events]);
  return eventStreamOf(`${description} Ids are for Last-Event-ID; after \`end\` nothing follows.`, [
    ...head,
    ["event", frame("event", { ...place, event })],
    ...Object.entries(frames),
    failed,
  ]);
}

/** The stream with which a run is started. */
export const startedEvents: TSchema = streamOf(
  "First that the run was accepted, then its events and text.",
  [chatEvent],
  [["accepted", accepted]],
);

/** The stream of any run. */
export const runEvents: TSchema = streamOf("Events and text of the run and of those below it.", [
  chatEvent,
  jobEvent,
  webhookEvent,
]);

/** The stream of an ingestion job. */
export const jobEvents: TSchema = streamOf(
  "First the job as it is, then what it does.",
  [jobEvent],
  [["job", jobSchema]],
);
