// What memories look like when they are shown, as schemas.

import { type TSchema, Type } from "../../../actors/schema.ts";
import { named } from "../openapi/named.ts";
import { orNull, time } from "../openapi/responses.ts";

const closed = { additionalProperties: false } as const;
const text = Type.String();
const share = Type.Number({ minimum: 0, maximum: 1 });

const source = Type.Object({ conversation_key: text, message_id: orNull(text) }, closed);

/** A memory. */
export const memorySchema: TSchema = named(
  "Memory",
  Type.Object(
    {
      id: text,
      agent_key: text,
      user_key: orNull(text),
      collection: text,
      text,
      kind: text,
      metadata: Type.Record(Type.String(), Type.Unknown()),
      importance: share,
      source: orNull(source),
      written_by: Type.String({ enum: ["agent", "extraction", "api"] }),
      content_hash: text,
      version: Type.Integer({ minimum: 1 }),
      created_at: time,
      updated_at: time,
      last_recalled_at: orNull(time),
    },
    closed,
  ),
);

/** Memories, one a line. */
export const memoryLines: TSchema = {
  ...text,
  contentMediaType: "application/x-ndjson",
  contentSchema: { type: "array", items: memorySchema },
};

const found = named(
  "FoundMemory",
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
    { additionalProperties: true },
  ),
);

/** A memory in a list, or one that was found. */
export const listedMemory: TSchema = Type.Union([memorySchema, found]);

/** How many were deleted. */
export const deleted: TSchema = Type.Object({ deleted: Type.Integer({ minimum: 0 }) }, closed);
