// What an answer is made of, as schemas: who answered and why, what it rests on, what it has cost.

import { guardAction, guardPlace } from "../../../actors/records/guardrail.ts";
import { Type } from "../../../actors/schema.ts";
import { named, optional } from "../openapi/named.ts";
import { anyObject, count, orNull, share, time, toldError } from "../openapi/responses.ts";

const closed = { additionalProperties: false } as const;
const text = Type.String();
const maybeText = orNull(text);

/** A memory that was given to the model, and how its score came about. */
export const recalledMemory = named(
  "RecalledMemory",
  Type.Object(
    {
      id: text,
      text,
      kind: text,
      updated_at: time,
      score: Type.Number(),
      scores: Type.Object(
        { vector: share, words: share, recency: share, importance: share },
        closed,
      ),
    },
    closed,
  ),
);

/** Tokens of a call. */
export const usageSchema = named(
  "Usage",
  Type.Object(
    {
      ...{ prompt_tokens: count, completion_tokens: count, total_tokens: count },
      prompt_tokens_details: Type.Optional(
        Type.Object(
          { cached_tokens: count },
          { ...closed, description: "Where the provider had read some of them before." },
        ),
      ),
      completion_tokens_details: Type.Optional(
        Type.Object(
          { reasoning_tokens: count },
          { ...closed, description: "Where the provider says what its model thought." },
        ),
      ),
      spend: Type.Optional(
        Type.Number({
          description: "What models cost, in units of the account, where their prices are known.",
        }),
      ),
    },
    closed,
  ),
);

/** What a call has cost. */
export const costSchema = named(
  "Cost",
  Type.Object(
    {
      units: Type.Number(),
      unit_price: Type.Number(),
      tokens: Type.Number({ description: "What was charged, in units of the account." }),
      balance: Type.Optional(Type.Number()),
    },
    closed,
  ),
);

/** Who answered, and why. */
export const routingSchema = named(
  "RoutingInfo",
  Type.Object(
    {
      selected_action: Type.Union([
        Type.Literal("SUB_AGENT"),
        Type.Literal("SUPERVISOR"),
        Type.Literal("TEAM"),
        Type.Literal("REMOTE_AGENT"),
        Type.Literal("ENGINE"),
      ]),
      action_name: text,
      reason: text,
      intent: text,
      confidence: share,
      threshold: Type.Number(),
      method: text,
      candidates: Type.Array(
        Type.Object(
          { name: text, key: text, score: Type.Number() },
          { additionalProperties: true },
        ),
      ),
      sub_agent_key: maybeText,
      parts: Type.Optional(
        Type.Array(Type.Object({ text, action_name: text, sub_agent_key: maybeText }, closed)),
      ),
    },
    { additionalProperties: true, description: "Who answered, and why." },
  ),
);

/** A passage that an answer rests on. */
export const sourceSchema = named(
  "Source",
  Type.Object(
    {
      document_id: text,
      title: text,
      chunk_id: text,
      collection_key: text,
      score: share,
      relevance: share,
      text,
      headings: Type.Array(text),
      span: Type.Array(count, { minItems: 2, maxItems: 2 }),
      page: Type.Optional(Type.Integer({ minimum: 1 })),
    },
    { additionalProperties: true, description: "A passage that an answer rests on." },
  ),
);

/** A call of a tool as the model wrote it. */
export const toolCallSchema = named(
  "ToolCall",
  Type.Object({ id: text, name: text, arguments: text }, closed),
);

/** What a guardrail has found. */
export const findingSchema = named(
  "GuardrailFinding",
  Type.Object(
    {
      rule: text,
      of: text,
      on: guardPlace,
      action: guardAction,
      reason: text,
      count,
      spans: Type.Array(Type.Object({ start: count, end: count, type: text }, closed)),
      at: Type.Optional(text),
    },
    { ...closed, description: "What a guardrail has found, without the text itself." },
  ),
);

/** Fields of an answer. */
export const replyFields = {
  response: text,
  agent_key: text,
  conversation_key: maybeText,
  message_id: text,
  run_id: text,
  routing_info: routingSchema,
  frontend_trigger: orNull(
    Type.Object({ name: text, payload: Type.Optional(Type.Unknown()) }, closed),
  ),
  data_collection: orNull(anyObject),
  sources: Type.Array(sourceSchema),
  nothing_relevant: Type.Optional(Type.Literal(true)),
  degraded: optional(toldError),
  memories: Type.Optional(Type.Array(recalledMemory)),
  unseen_pictures: Type.Optional(
    Type.Integer({
      minimum: 1,
      description: "Images of the message that the model which answered takes none of.",
    }),
  ),
  usage: usageSchema,
  model: text,
  builtin: Type.Boolean(),
  notice: Type.Optional(text),
  finish_reason: text,
  stop_sequence: Type.Optional(text),
  tool_calls: Type.Optional(Type.Array(toolCallSchema)),
  unperformed_calls: Type.Optional(Type.Array(toolCallSchema)),
  own_rounds: Type.Optional(Type.Array(anyObject)),
  escalated_to: Type.Optional(text),
  output: Type.Optional(Type.Unknown()),
  guardrails: Type.Optional(Type.Array(findingSchema)),
  cost: costSchema,
};
