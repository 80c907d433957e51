// What runs, answers and conversations look like when they are shown, as schemas.

import { type TSchema, Type } from "../../../actors/schema.ts";
import { named, optional } from "../openapi/named.ts";
import { answers, anyObject, count, orNull, time, toldError } from "../openapi/responses.ts";
import type { Route } from "../route.ts";
import { waitsFor } from "../services/approvals.ts";
import { approvalSchema } from "./approval-schema.ts";
import { runEvents, startedEvents } from "./event-schemas.ts";
import {
  findingSchema,
  replyFields,
  routingSchema,
  sourceSchema,
  usageSchema,
} from "./reply-schemas.ts";

const closed = { additionalProperties: false } as const;
const text = Type.String();
const maybeText = orNull(text);

/** How a run is doing. */
const status = Type.String({
  enum: [
    "queued",
    "running",
    "waiting",
    "completed",
    "failed",
    "cancelled",
    "expired",
    "exhausted",
  ],
  description:
    "`queued`: behind another run of its conversation; `waiting`: for what `waits_for` says.",
});

/** A run. */
export const runSchema: TSchema = named(
  "Run",
  Type.Object(
    {
      id: text,
      kind: text,
      status,
      waits_for: orNull(
        Type.String({
          enum: [...waitsFor],
          description:
            "The decision of a person; an account that somebody connects; a budget that is used up and pauses, until it is raised or begins anew; a target that is lost, until it is back.",
        }),
      ),
      agent_key: maybeText,
      agent_version: orNull(Type.Integer()),
      /** Values of variables of the agent's prompt that came with the run. */
      variables: orNull(Type.Record(Type.String(), Type.Unknown())),
      conversation_key: maybeText,
      started_at: time,
      ended_at: orNull(time),
      result: Type.Unknown({ description: "What it gave; of a run that answers an Answer." }),
      partial: orNull(
        Type.String({
          description: "Of a run that did not complete, what had been written of its answer.",
        }),
      ),
      error: orNull(toldError),
    },
    closed,
  ),
);

const answer = named(
  "Answer",
  Type.Object({ id: text, status: Type.Literal("completed"), ...replyFields }, closed),
);

const accepted = named(
  "AcceptedRun",
  Type.Object(
    {
      id: text,
      run_id: text,
      status: Type.String({ enum: ["running", "queued"] }),
      conversation_key: maybeText,
      message_id: text,
      agent_version: Type.Integer(),
      model: text,
    },
    { additionalProperties: true },
  ),
);

const wait = named(
  "RunWait",
  Type.Object(
    {
      kind: Type.String({
        enum: ["approval", "event", "sleep", "budget", "auth", "target", "queue"],
        description: "`queue`: it begins when the run before it in its conversation has ended.",
      }),
      run_id: { ...text, description: "Who waits; of a queue the run before it." },
      event: { ...maybeText, description: "Name of the event that ends the wait." },
      since: orNull(time),
      until: { ...orNull(time), description: "When it ends by itself." },
      url: {
        ...text,
        description:
          "Path at which it is decided, told or looked at; of `auth` the page for a person's browser.",
      },
      code: Type.Optional({ ...text, description: "Of `auth`: what that page asks for." }),
    },
    closed,
  ),
);

/** Fields of a run that is held up. */
export const waitingFields = {
  run_id: text,
  status: Type.String({ enum: ["waiting", "queued"] }),
  conversation_key: maybeText,
  waits: Type.Array(wait, {
    minItems: 1,
    description:
      "What holds the run up; of a queued one, the run before it and what that waits for.",
  }),
  approvals: Type.Array(approvalSchema, { description: "Pending ones, the first 100." }),
};

const waiting = named("WaitingRun", Type.Object({ id: text, ...waitingFields }, closed));

/** A stream of events. */
export const eventResponses: NonNullable<Route["responses"]> = {
  200: { description: "Events as they come.", content: { "text/event-stream": runEvents } },
};

/** What the start of a run answers, as its `mode` says. */
export const runResponses: NonNullable<Route["responses"]> = {
  200: {
    description: "The answer, or with `mode: stream` the events of the run.",
    content: { "application/json": answer, "text/event-stream": startedEvents },
    headers: ["Location"],
  },
  ...answers(
    202,
    Type.Union([accepted, waiting]),
    "With `mode: background`: the run is under way. With `mode: wait`: it waits for a person, an event or a time, or behind a run that does, and goes on by itself.",
    ["Location"],
  ),
};

/** What a cancel answers. */
export const cancelResponses = answers(
  202,
  named("Cancelling", Type.Object({ id: text, status: Type.Literal("cancelling") }, closed)),
  "It is on its way; the run's end says when it is done.",
);

const conversation = {
  conversation_key: text,
  agent_key: text,
  user_key: maybeText,
};

/** Fields of a conversation in a list. */
export const conversationFields = {
  ...conversation,
  title: text,
  message_count: count,
  created_at: time,
  updated_at: time,
};

/** A conversation in a list. */
export const conversationSchema: TSchema = named(
  "Conversation",
  Type.Object({ id: text, ...conversationFields }, { additionalProperties: true }),
);

/** A message that a search of the history found. */
export const foundMessage: TSchema = named(
  "FoundMessage",
  Type.Object(
    {
      conversation_key: text,
      sequence: count,
      role: Type.Union([Type.Literal("user"), Type.Literal("assistant")]),
      text,
      created_at: time,
      score: Type.Number(),
      scores: Type.Object({ vector: Type.Number(), words: Type.Number() }, closed),
    },
    closed,
  ),
);

/** A conversation that was found. */
export const foundConversation: TSchema = named(
  "FoundConversation",
  Type.Object(
    { id: text, ...conversation, score: Type.Number(), matches: Type.Array(foundMessage) },
    closed,
  ),
);

/** A conversation with what it is doing. */
export const conversationState: TSchema = named(
  "ConversationState",
  Type.Object(
    {
      id: text,
      ...conversationFields,
      running_run_id: maybeText,
      waiting_run_ids: Type.Array(text),
    },
    { additionalProperties: true },
  ),
);

/** A picture of a message. */
const pictureSchema: TSchema = named(
  "Picture",
  Type.Object(
    {
      id: Type.String({ description: "SHA-256 of its bytes." }),
      media_type: text,
      bytes: count,
      width: count,
      height: count,
    },
    { additionalProperties: true },
  ),
);

/** A message of a conversation. */
export const messageSchema: TSchema = named(
  "Message",
  Type.Object(
    {
      id: text,
      sequence: count,
      role: Type.Union([Type.Literal("user"), Type.Literal("assistant")]),
      content: text,
      images: Type.Optional(Type.Array(pictureSchema)),
      data: Type.Optional(anyObject),
      run_id: text,
      created_at: time,
      routing_info: optional(routingSchema),
      sources: Type.Optional(Type.Array(sourceSchema)),
      nothing_relevant: Type.Optional(Type.Literal(true)),
      degraded: optional(toldError),
      guardrails: Type.Optional(Type.Array(findingSchema)),
      usage: optional(usageSchema),
      status: Type.Optional(text),
      error: optional(toldError),
    },
    { additionalProperties: true },
  ),
);
