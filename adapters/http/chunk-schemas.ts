// Chunks of streamed answers as schemas: document 001's and those of OpenAI's protocol.

import { type TSchema, Type } from "../../actors/schema.ts";
import { type DescribedEvent, eventStreamOf } from "./openapi/event-streams.ts";
import { named, optional } from "./openapi/named.ts";
import { anyObject, count, orNull } from "./openapi/responses.ts";
import { costSchema, replyFields, usageSchema } from "./platform/reply-schemas.ts";

const text = Type.String();
const open = { additionalProperties: true } as const;
const closed = { additionalProperties: false } as const;
const { routing_info, sources, nothing_relevant, degraded, memories } = replyFields;
const { notice, frontend_trigger, data_collection, unperformed_calls } = replyFields;

const toolCallDelta = Type.Object(
  {
    index: count,
    id: text,
    type: Type.Literal("function"),
    function: Type.Object({ name: text, arguments: text }, closed),
  },
  closed,
);

const choice = Type.Object(
  {
    index: Type.Literal(0),
    delta: Type.Object(
      {
        role: Type.Optional(Type.Literal("assistant")),
        content: Type.Optional(text),
        tool_calls: Type.Optional(Type.Array(toolCallDelta)),
      },
      closed,
    ),
    finish_reason: orNull(text),
  },
  closed,
);

/** A chunk. The first says the run, those with sources what the text rests on, the last how it ended. */
const chunk = named(
  "ChatCompletionChunk",
  Type.Object(
    {
      id: text,
      object: Type.Literal("chat.completion.chunk"),
      created: Type.Integer({ description: "Seconds since the epoch." }),
      model: text,
      choices: Type.Array(choice, { maxItems: 1 }),
      run_id: Type.Optional(text),
      conversation_key: Type.Optional(orNull(text)),
      routing_info: optional(routing_info),
      sources: optional(sources),
      nothing_relevant,
      degraded,
      memories,
      builtin: Type.Optional(Type.Boolean()),
      notice,
      unperformed_calls,
      frontend_trigger: optional(frontend_trigger),
      data_collection: optional(data_collection),
      usage: Type.Optional(orNull(usageSchema)),
      cost: optional(costSchema),
    },
    closed,
  ),
);

const streamError = named(
  "StreamError",
  Type.Object(
    {
      error: Type.Object(
        {
          message: text,
          code: Type.String({
            description:
              "As in other errors of this surface; `stream_restarted`: the answer was begun again, attach to its run for the text from the start.",
          }),
          run_id: Type.Optional(text),
        },
        open,
      ),
      status: Type.Optional(Type.Literal("error")),
      gateway: Type.Optional(anyObject),
    },
    { ...closed, description: "What went wrong after the stream had begun; it is the last event." },
  ),
);

const events: readonly DescribedEvent[] = [
  [null, chunk],
  [null, streamError],
  [null, "[DONE]"],
];

/** The stream of an answer in chunks. */
export const chunkEvents: TSchema = eventStreamOf(
  "Chunks, and `[DONE]` behind the last. Ids go on where a connection was cut.",
  events,
);
