// The body of POST /v1/responses: the fields this server reads. What it does with them: request.ts.

import { type Static, type TSchema, Type } from "../../../../actors/schema.ts";
import { responseLimits } from "./limits.ts";

const open = { additionalProperties: true } as const;
const nullable = <S extends TSchema>(schema: S) => Type.Optional(Type.Union([schema, Type.Null()]));
const { textChars, metadataPairs, metadataKeyChars, metadataValueChars } = responseLimits;
const text = Type.String({ maxLength: textChars });
const id = Type.String({ minLength: 1, maxLength: 64 });

const metadata = Type.Record(
  Type.String({ minLength: 1, maxLength: metadataKeyChars }),
  Type.String({ maxLength: metadataValueChars }),
  { maxProperties: metadataPairs },
);

/** Body of POST /v1/responses. */
export const responseBody = Type.Object(
  {
    model: Type.String({ minLength: 1, maxLength: 200 }),
    input: Type.Union([
      text,
      Type.Array(Type.Object({}, open), { minItems: 1, maxItems: responseLimits.items }),
    ]),
    instructions: nullable(text),
    previous_response_id: nullable(id),
    conversation: nullable(Type.Union([id, Type.Object({ id }, open)])),
    store: nullable(Type.Boolean()),
    background: nullable(Type.Boolean()),
    stream: nullable(Type.Boolean()),
    text: nullable(
      Type.Object(
        {
          format: Type.Optional(
            Type.Object(
              {
                type: Type.Union([
                  Type.Literal("text"),
                  Type.Literal("json_object"),
                  Type.Literal("json_schema"),
                ]),
                name: Type.Optional(Type.String({ maxLength: 64 })),
                schema: Type.Optional(Type.Object({}, open)),
                strict: nullable(Type.Boolean()),
              },
              open,
            ),
          ),
        },
        open,
      ),
    ),
    tools: nullable(Type.Array(Type.Object({ type: Type.String() }, open), { maxItems: 128 })),
    tool_choice: nullable(
      Type.Union([Type.String({ maxLength: 20 }), Type.Object({ type: Type.String() }, open)]),
    ),
    parallel_tool_calls: nullable(Type.Boolean()),
    max_output_tokens: nullable(Type.Integer({ minimum: 1, maximum: 1_000_000 })),
    temperature: nullable(Type.Number({ minimum: 0, maximum: 2 })),
    top_p: nullable(Type.Number({ minimum: 0, maximum: 1 })),
    metadata: nullable(metadata),
    user: nullable(text),
    truncation: nullable(Type.Union([Type.Literal("auto"), Type.Literal("disabled")])),
    include: nullable(Type.Array(Type.String({ maxLength: 64 }), { maxItems: 20 })),
    reasoning: nullable(Type.Object({}, open)),
  },
  open,
);

/** A checked request. */
export type ResponseBody = Static<typeof responseBody>;
