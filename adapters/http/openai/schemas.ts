// What OpenAI's protocol answers, as schemas: its own fields, and beside them what this server says.

import { type TSchema, Type } from "../../../actors/schema.ts";
import { named } from "../openapi/named.ts";
import { count, orNull } from "../openapi/responses.ts";
import { replyFields, usageSchema } from "../platform/reply-schemas.ts";

const closed = { additionalProperties: false } as const;
const text = Type.String();
const seconds = Type.Integer({ description: "Seconds since the epoch." });
const { builtin, conversation_key, degraded, memories, notice } = replyFields;
const { nothing_relevant, unperformed_calls, routing_info, run_id, sources, finish_reason } =
  replyFields;

const toolCall = Type.Object(
  {
    id: text,
    type: Type.Literal("function"),
    function: Type.Object({ name: text, arguments: text }, closed),
  },
  closed,
);

const choice = Type.Object(
  {
    index: Type.Literal(0),
    message: Type.Object(
      {
        role: Type.Literal("assistant"),
        content: orNull(text),
        refusal: Type.Null(),
        tool_calls: Type.Optional(Type.Array(toolCall)),
      },
      closed,
    ),
    logprobs: Type.Null(),
    finish_reason,
  },
  closed,
);

/** A whole answer. */
export const completionSchema: TSchema = named(
  "ChatCompletion",
  Type.Object(
    {
      id: text,
      object: Type.Literal("chat.completion"),
      created: seconds,
      model: text,
      choices: Type.Array(choice, { minItems: 1, maxItems: 1 }),
      usage: usageSchema,
      run_id,
      conversation_key,
      routing_info,
      sources,
      nothing_relevant,
      degraded,
      memories,
      builtin,
      notice,
      unperformed_calls,
    },
    closed,
  ),
);

/** Vectors of texts. */
export const embeddingListSchema: TSchema = named(
  "EmbeddingList",
  Type.Object(
    {
      object: Type.Literal("list"),
      data: Type.Array(
        Type.Object(
          {
            object: Type.Literal("embedding"),
            index: count,
            embedding: Type.Union([
              Type.Array(Type.Number()),
              Type.String({ description: "32-bit floats, little-endian, as base64." }),
            ]),
          },
          closed,
        ),
      ),
      model: text,
      usage: Type.Object({ prompt_tokens: count, total_tokens: count }, closed),
    },
    closed,
  ),
);

/** An agent, a team or an embedder as a model. */
export const modelSchema: TSchema = named(
  "OpenAIModel",
  Type.Object(
    {
      id: Type.String({ description: "`agent:ag_...`, `team:tm_...` or `embedder:...`." }),
      object: Type.Literal("model"),
      created: seconds,
      owned_by: text,
      name: text,
      description: orNull(text),
    },
    closed,
  ),
);

/** All of them. */
export const modelListSchema: TSchema = Type.Object(
  { object: Type.Literal("list"), data: Type.Array(modelSchema) },
  closed,
);
