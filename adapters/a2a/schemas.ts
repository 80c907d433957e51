// What the routes of A2A take and answer, as schemas: the fields that the protocol says are there, and
// room for what clients of it add.

import { type TSchema, Type } from "../../actors/schema.ts";
import { eventStreamOf } from "../http/openapi/event-streams.ts";
import { named } from "../http/openapi/named.ts";
import { answers, anyObject, count, time } from "../http/openapi/responses.ts";
import type { Route } from "../http/route.ts";

type Responses = NonNullable<Route["responses"]>;

const open = { additionalProperties: true } as const;
const text = Type.String();
const optional = Type.Optional;
const REST = "application/a2a+json";
const MESSAGE_ID_CHARS_MAX = 200;
const PARTS_MAX = 200;
const METHOD_CHARS_MAX = 100;

const part = Type.Object(
  { text: optional(text), data: optional(Type.Unknown()), mediaType: optional(text) },
  { ...open, description: "Text or data; files are not taken." },
);

/** A message of a client. */
const message = Type.Object(
  {
    messageId: Type.String({
      minLength: 1,
      maxLength: MESSAGE_ID_CHARS_MAX,
      description: "Sent again within 24 hours it is the same message.",
    }),
    role: optional(text),
    parts: Type.Array(part, { minItems: 1, maxItems: PARTS_MAX }),
    contextId: optional(Type.String({ description: "The conversation; none: a new one." })),
    taskId: optional(Type.String({ description: "A task that waits for a decision." })),
  },
  open,
);

/** Body of a message that is sent. */
export const sendBody = Type.Object(
  {
    message,
    configuration: optional(
      Type.Object(
        {
          acceptedOutputModes: optional(Type.Array(text, { maxItems: PARTS_MAX })),
          returnImmediately: optional(Type.Boolean()),
          historyLength: optional(Type.Integer({ minimum: 0 })),
        },
        open,
      ),
    ),
    metadata: optional(anyObject),
  },
  open,
);

/** Body of a JSON-RPC request. */
export const rpcBody = Type.Object(
  {
    jsonrpc: Type.Literal("2.0"),
    method: Type.String({ minLength: 1, maxLength: METHOD_CHARS_MAX }),
    id: optional(Type.Union([Type.String(), Type.Integer(), Type.Null()])),
    params: optional(anyObject),
  },
  open,
);

/** Body of a configuration of push notifications. */
export const pushBody = Type.Object(
  {
    url: Type.String({ minLength: 1, maxLength: 2_000 }),
    id: optional(Type.String({ maxLength: 64 })),
    token: optional(Type.String({ description: "Write-only: it is shown as `***`." })),
    authentication: optional(Type.Object({ scheme: text, credentials: optional(text) }, open)),
  },
  open,
);

const status = Type.Object(
  { state: text, timestamp: optional(time), message: optional(anyObject) },
  open,
);

const artifact = Type.Object({ artifactId: text, parts: Type.Array(part) }, open);

const task = named(
  "A2ATask",
  Type.Object(
    {
      id: Type.String({ description: "The run." }),
      contextId: Type.String({ description: "The conversation." }),
      status,
      artifacts: optional(Type.Array(artifact)),
      history: optional(Type.Array(anyObject)),
    },
    open,
  ),
);

const pushConfig = named(
  "A2APushConfig",
  Type.Object({ id: text, taskId: text, url: text, token: optional(text) }, open),
);

const card = named(
  "A2AAgentCard",
  Type.Object(
    { name: text, description: text, version: text, skills: Type.Array(anyObject) },
    { ...open, description: "In the form of the version of A2A that the header names." },
  ),
);

const event = named(
  "A2AEvent",
  Type.Object(
    {
      task: optional(task),
      statusUpdate: optional(Type.Object({ taskId: text, contextId: text, status }, open)),
      artifactUpdate: optional(Type.Object({ taskId: text, contextId: text, artifact }, open)),
    },
    { ...open, description: "The task first, then what becomes of it." },
  ),
);

const rpc = named(
  "A2AResponse",
  Type.Object(
    {
      jsonrpc: Type.Literal("2.0"),
      id: Type.Union([text, Type.Integer(), Type.Null()]),
      result: optional(Type.Unknown()),
      error: optional(Type.Object({ code: Type.Integer(), message: text }, open)),
    },
    open,
  ),
);

const rest = (status: number, schema: TSchema, description: string): Responses => ({
  [status]: { description, content: { [REST]: schema } },
});

const events = (of: TSchema): Readonly<Record<string, TSchema>> => ({
  "text/event-stream": eventStreamOf("The events of the task.", [
    [null, of],
    ["error", anyObject],
  ]),
});

/** Answers of the routes. */
export const responses = {
  card: {
    200: { ...answers(200, card, "The card.")[200], headers: ["ETag"] },
    304: { description: "The client has it." },
  } as Responses,
  extended: rest(200, card, "The card."),
  rpc: {
    200: {
      description: "The answer, also where it is an error of the protocol; of a stream its events.",
      content: { "application/json": rpc, ...events(rpc) },
    },
  } as Responses,
  sent: rest(200, Type.Object({ task }, open), "The task."),
  stream: { 200: { description: "The events of the task.", content: events(event) } } as Responses,
  task: rest(200, task, "The task."),
  /** Two things under one path, told apart by the end of it. */
  taskOrEvents: {
    200: { description: "The task, or its events.", content: { [REST]: task, ...events(event) } },
  } as Responses,
  list: rest(
    200,
    Type.Object(
      { tasks: Type.Array(task), nextPageToken: text, pageSize: count, totalSize: count },
      open,
    ),
    "A page of tasks.",
  ),
  pushMade: rest(201, pushConfig, "The configuration."),
  push: rest(200, pushConfig, "The configuration."),
  pushList: rest(
    200,
    Type.Object({ configs: optional(Type.Array(pushConfig)) }, open),
    "The configurations of the task.",
  ),
  removed: { 204: { description: "It is gone." } } as Responses,
};
