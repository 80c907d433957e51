// What the Responses protocol answers, as schemas: its own fields, and beside them what this server says.

import { type TSchema, Type } from "../../../../actors/schema.ts";
import { type DescribedEvent, eventStreamOf } from "../../openapi/event-streams.ts";
import { named } from "../../openapi/named.ts";
import { answers, anyObject, count, orNull } from "../../openapi/responses.ts";
import { replyFields } from "../../platform/reply-schemas.ts";
import type { Route } from "../../route.ts";

const closed = { additionalProperties: false } as const;
const text = Type.String();
const { builtin, degraded, memories, notice, nothing_relevant, routing_info, sources } =
  replyFields;

const textPart = Type.Object(
  {
    type: Type.Literal("output_text"),
    text,
    annotations: Type.Array(anyObject),
    logprobs: Type.Array(anyObject),
  },
  closed,
);

const message = named(
  "ResponseMessage",
  Type.Object(
    {
      id: text,
      type: Type.Literal("message"),
      status: Type.String({ enum: ["in_progress", "completed", "incomplete"] }),
      role: Type.Literal("assistant"),
      content: Type.Array(textPart),
    },
    closed,
  ),
);

const call = named(
  "ResponseFunctionCall",
  Type.Object(
    {
      id: text,
      type: Type.Literal("function_call"),
      status: Type.String({ enum: ["in_progress", "completed"] }),
      call_id: text,
      name: text,
      namespace: Type.Optional(text),
      arguments: Type.String({ description: "JSON as the model wrote it." }),
    },
    closed,
  ),
);

const item = Type.Union([message, call]);

const usage = Type.Object(
  {
    input_tokens: count,
    input_tokens_details: Type.Object({ cached_tokens: count }, closed),
    output_tokens: count,
    output_tokens_details: Type.Object({ reasoning_tokens: count }, closed),
    total_tokens: count,
  },
  closed,
);

/** Of LIMIT_REACHED, as `ReachedConstraint` says. */
const constraint = Type.Optional(anyObject);
const reason = Type.String({ enum: ["max_output_tokens", "content_filter"] });

const response: TSchema = named(
  "Response",
  Type.Object(
    {
      id: Type.String({ description: "`resp_...`." }),
      object: Type.Literal("response"),
      created_at: Type.Integer({ description: "Seconds since the epoch." }),
      status: Type.String({
        enum: ["queued", "in_progress", "completed", "incomplete", "failed", "cancelled"],
        description: "`in_progress` also while its run waits for a person.",
      }),
      error: orNull(Type.Object({ code: text, message: text, constraint: constraint }, closed)),
      incomplete_details: orNull(Type.Object({ reason }, closed)),
      output: Type.Array(item),
      usage: orNull(usage),
      run_id: text,
      model: text,
      instructions: orNull(text),
      previous_response_id: orNull(text),
      conversation: orNull(Type.Object({ id: text }, closed)),
      metadata: Type.Record(text, text),
      max_output_tokens: orNull(count),
      temperature: orNull(Type.Number()),
      top_p: orNull(Type.Number()),
      parallel_tool_calls: Type.Boolean(),
      tool_choice: Type.Union([text, anyObject]),
      tools: Type.Array(anyObject),
      text: anyObject,
      reasoning: anyObject,
      truncation: text,
      background: Type.Boolean(),
      store: Type.Boolean(),
      user: Type.Optional(text),
      routing_info: Type.Optional(routing_info),
      sources: Type.Optional(sources),
      nothing_relevant,
      degraded,
      memories,
      builtin: Type.Optional(builtin),
      notice,
    },
    closed,
  ),
);

const sequence_number = Type.Integer({
  minimum: 0,
  description: "Always the same for an event; `starting_after` takes it.",
});

function event(type: string, fields: Readonly<Record<string, TSchema>>): DescribedEvent {
  return [type, Type.Object({ type: Type.Literal(type), sequence_number, ...fields }, closed)];
}

const index = Type.Integer({ minimum: 0 });
const ofText = { item_id: text, output_index: index, content_index: index };
const logprobs = Type.Array(anyObject);
const lifeCycle = ["created", "in_progress", "completed", "incomplete", "failed"] as const;
const wireError = Type.Object(
  {
    ...{ message: text, type: text, param: orNull(text), code: text },
    constraint: constraint,
  },
  closed,
);

const events: readonly DescribedEvent[] = [
  ...lifeCycle.map((name) => event(`response.${name}`, { response })),
  event("response.output_item.added", { output_index: index, item }),
  event("response.content_part.added", { ...ofText, part: textPart }),
  event("response.output_text.delta", { ...ofText, delta: text, logprobs }),
  event("response.output_text.done", { ...ofText, text, logprobs }),
  event("response.content_part.done", { ...ofText, part: textPart }),
  event("response.output_item.done", { output_index: index, item }),
  event("response.function_call_arguments.delta", {
    ...{ item_id: text, output_index: index, delta: text },
  }),
  event("response.function_call_arguments.done", {
    ...{ item_id: text, output_index: index, name: text, arguments: text },
  }),
  event("error", {
    ...{ code: text, message: text, param: orNull(text), error: wireError },
    constraint: constraint,
  }),
];

/** A response, or its events. */
export const responseResponses: NonNullable<Route["responses"]> = {
  200: {
    description: "The response, or with `stream` its events.",
    content: {
      "application/json": response,
      "text/event-stream": eventStreamOf("Events, the last of them says how it ended.", events),
    },
  },
};

/** A page of an input. */
export const inputItemsResponses = answers(
  200,
  Type.Object(
    {
      object: Type.Literal("list"),
      data: Type.Array(anyObject),
      first_id: orNull(text),
      last_id: orNull(text),
      has_more: Type.Boolean(),
    },
    closed,
  ),
  "A page of items.",
);

/** What a deletion answers. */
export const deletedResponses = answers(
  200,
  Type.Object({ id: text, object: Type.Literal("response"), deleted: Type.Literal(true) }, closed),
  "It is gone.",
);
