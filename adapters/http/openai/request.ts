// A chat completion request: the fields this server uses, with everything else of the protocol
// accepted and left alone, and what they set over the agent's own tuning.

import type { CompletionMessage } from "../../../actors/records/conversation.ts";
import { userKey } from "../../../actors/records/memory.ts";
import { type Static, Type } from "../../../actors/schema.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import { completionMessages, nullable, text, userIdOf } from "./messages.ts";
import { clientToolsOf, toolFields } from "./tools.ts";

const open = { additionalProperties: true } as const;

const STOPS_MAX = 16;
const count = Type.Integer({ minimum: 1, maximum: 1_000_000 });
const penalty = Type.Number({ minimum: -2, maximum: 2 });

/** Body of POST /v1/chat/completions. */
export const completionBody = Type.Object(
  {
    model: Type.String({ minLength: 1, maxLength: 200 }),
    messages: completionMessages,
    stream: nullable(Type.Boolean()),
    stream_options: nullable(Type.Object({ include_usage: Type.Optional(Type.Boolean()) }, open)),
    n: nullable(Type.Integer({ minimum: 1, maximum: 1 })),
    max_tokens: nullable(count),
    max_completion_tokens: nullable(count),
    temperature: nullable(Type.Number({ minimum: 0, maximum: 2 })),
    top_p: nullable(Type.Number({ minimum: 0, maximum: 1 })),
    frequency_penalty: nullable(penalty),
    presence_penalty: nullable(penalty),
    stop: nullable(Type.Union([text, Type.Array(text, { maxItems: STOPS_MAX })])),
    response_format: nullable(Type.Object({ type: Type.String({ maxLength: 50 }) }, open)),
    ...toolFields,
    modalities: nullable(Type.Array(Type.String({ maxLength: 50 }), { maxItems: 10 })),
    user: nullable(text),
    metadata: nullable(
      Type.Object(
        {
          conversation_key: Type.Optional(Type.String({ maxLength: 64 })),
          user_key: Type.Optional(userKey),
        },
        open,
      ),
    ),
  },
  open,
);

/** A checked request. */
export type CompletionBody = Static<typeof completionBody>;

/** What a schema cannot say. @throws INVALID with a pointer. */
export function checkRequest({ response_format: format, modalities }: CompletionBody): void {
  const other = (modalities ?? []).findIndex((one) => one !== "text");
  if (other !== -1) throw invalid("Answers are text.", `/modalities/${other}`);
  if (format === undefined || format === null) return;
  if (!formats.includes(format.type)) {
    throw invalid(`type is one of ${formats.join(", ")}.`, "/response_format/type");
  }
  if (format.type !== "json_schema") return;
  const { json_schema: inner } = format as Readonly<Record<string, unknown>>;
  const schema = isObject(inner) ? inner["schema"] : undefined;
  if (!isObject(schema)) {
    throw invalid("A schema is required.", "/response_format/json_schema/schema");
  }
}

const formats = ["text", "json_object", "json_schema"];

/** Who speaks: `metadata.user_key`; for a stateless completion the protocol's own `user`, too. */
export function userOf(body: CompletionBody, isStateless: boolean): { readonly user?: string } {
  return userIdOf(body.metadata?.user_key ?? (isStateless ? body.user : undefined));
}

/** What the request sets over the agent's own tuning, and the caller's tools. @throws INVALID. */
export function overridesOf(body: CompletionBody): CompletionMessage["overrides"] {
  const stop = typeof body.stop === "string" ? [body.stop] : body.stop;
  const all = {
    temperature: body.temperature,
    top_p: body.top_p,
    max_tokens: body.max_completion_tokens ?? body.max_tokens,
    frequency_penalty: body.frequency_penalty,
    presence_penalty: body.presence_penalty,
    stop: stop?.filter((one) => one !== ""),
    response_format: body.response_format,
    ...clientToolsOf(body),
  };
  const set = Object.entries(all).filter(([, value]) => value !== undefined && value !== null);
  return Object.fromEntries(set) as CompletionMessage["overrides"];
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function invalid(message: string, pointer: string): RuntimeError {
  return new RuntimeError("INVALID", message, { pointer });
}
