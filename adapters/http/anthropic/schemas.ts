// What Anthropic's protocol answers, as schemas: its own fields, and beside them what this server says.

import { type TSchema, Type } from "../../../actors/schema.ts";
import { eventStreamOf } from "../openapi/event-streams.ts";
import { named } from "../openapi/named.ts";
import { anyObject, count, orNull, time } from "../openapi/responses.ts";
import { replyFields } from "../platform/reply-schemas.ts";

const closed = { additionalProperties: false } as const;
const text = Type.String();
const { builtin, degraded, memories, notice } = replyFields;
const { nothing_relevant, routing_info, run_id, sources, unperformed_calls } = replyFields;

const usage = named(
  "AnthropicUsage",
  Type.Object(
    {
      input_tokens: count,
      output_tokens: count,
      cache_creation_input_tokens: count,
      cache_read_input_tokens: count,
    },
    closed,
  ),
);

const textBlock = Type.Object({ type: Type.Literal("text"), text }, closed);

const toolUseBlock = Type.Object(
  {
    type: Type.Literal("tool_use"),
    id: text,
    name: text,
    input: Type.Unknown({
      description: "As the tool's schema has it, as far as the model kept to it.",
    }),
    caller: Type.Object({ type: Type.Literal("direct") }, closed),
  },
  closed,
);
const block = Type.Union([textBlock, toolUseBlock]);

const stop = {
  stop_reason: orNull(
    Type.Union(
      ["end_turn", "max_tokens", "stop_sequence", "tool_use", "refusal"].map((reason) =>
        Type.Literal(reason),
      ),
    ),
  ),
  stop_sequence: orNull(text),
};

const head = {
  id: Type.String({ description: "`msg_` and the id of the run." }),
  type: Type.Literal("message"),
  role: Type.Literal("assistant"),
  model: text,
  content: Type.Array(block),
  ...stop,
  usage,
  run_id,
};

const extras = {
  unperformed_calls,
  routing_info,
  sources,
  nothing_relevant,
  degraded,
  memories,
  builtin,
  notice,
};

/** A whole message. */
export const messageSchema: TSchema = named(
  "AnthropicMessage",
  Type.Object({ ...head, ...extras }, closed),
);

/** Tokens of a message that is not sent yet. */
export const countSchema: TSchema = Type.Object({ input_tokens: count }, closed);

/** An agent or a team as a model. */
export const anthropicModelSchema: TSchema = named(
  "AnthropicModel",
  Type.Object(
    {
      type: Type.Literal("model"),
      id: Type.String({ description: "`agent:ag_...` or `team:tm_...`." }),
      display_name: text,
      created_at: time,
    },
    closed,
  ),
);

/** A page of them. */
export const anthropicModelPage: TSchema = Type.Object(
  {
    data: Type.Array(anthropicModelSchema),
    has_more: Type.Boolean(),
    first_id: orNull(text),
    last_id: orNull(text),
  },
  closed,
);

const eventOf = (type: string, fields: Readonly<Record<string, TSchema>>): [string, TSchema] => [
  type,
  Type.Object({ type: Type.Literal(type), ...fields }, closed),
];
const index = Type.Integer({ minimum: 0, description: "Of the block." });
const delta = Type.Union([
  Type.Object({ type: Type.Literal("text_delta"), text }, closed),
  Type.Object({ type: Type.Literal("input_json_delta"), partial_json: text }, closed),
]);

/** The events of a message. */
export const messageEvents: TSchema = eventStreamOf(
  "A message as it is written; `ping` may come between any two events, and nothing after `error`.",
  [
    eventOf("message_start", { message: Type.Object(head, closed) }),
    eventOf("content_block_start", { index, content_block: block }),
    eventOf("content_block_delta", { index, delta }),
    eventOf("content_block_stop", { index }),
    eventOf("message_delta", { delta: Type.Object(stop, closed), usage, ...extras }),
    eventOf("message_stop", {}),
    eventOf("ping", {}),
    eventOf("error", { error: anyObject, request_id: text }),
  ],
);
