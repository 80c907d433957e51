// A chat completion request: the fields this server uses, with everything else of the protocol
// accepted and left alone, and what the messages become.

import type { CompletionMessage } from "../../../actors/records/conversation.ts";
import { memoryLimits, userKey } from "../../../actors/records/memory.ts";
import { type Static, Type } from "../../../actors/schema.ts";
import { RuntimeError } from "../../../runtime/errors.ts";

const open = { additionalProperties: true } as const;
const nullable = <S extends Parameters<typeof Type.Union>[0][number]>(schema: S) =>
  Type.Optional(Type.Union([schema, Type.Null()]));

const MESSAGES_MAX = 2_000;
const STOPS_MAX = 16;
const TEXT_CHARS_MAX = 1_000_000;
const text = Type.String({ maxLength: TEXT_CHARS_MAX });
const count = Type.Integer({ minimum: 1, maximum: 1_000_000 });
const penalty = Type.Number({ minimum: -2, maximum: 2 });

const part = Type.Object({ type: Type.String(), text: Type.Optional(text) }, open);

/** Body of POST /v1/chat/completions. */
export const completionBody = Type.Object(
  {
    model: Type.String({ minLength: 1, maxLength: 200 }),
    messages: Type.Array(
      Type.Object(
        {
          role: Type.String({ maxLength: 20 }),
          content: nullable(Type.Union([text, Type.Array(part, { maxItems: 200 })])),
        },
        open,
      ),
      { minItems: 1, maxItems: MESSAGES_MAX },
    ),
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

type Messages = CompletionMessage["messages"];

const roles: Readonly<Record<string, "system" | "user" | "assistant">> = {
  system: "system",
  developer: "system",
  user: "user",
  assistant: "assistant",
};

/** The messages as plain text. @throws INVALID with a pointer for what has no text form. */
export function messagesOf(body: CompletionBody): Messages {
  return body.messages.map((message, at) => {
    const role = roles[message.role];
    if (role === undefined || !Object.hasOwn(roles, message.role)) {
      const known = Object.keys(roles).join(", ");
      throw invalid(`role must be one of ${known}.`, `/messages/${at}/role`);
    }
    return { role, content: contentOf(message.content, `/messages/${at}/content`) };
  });
}

/** The last message of the user. @throws INVALID when there is none. */
export function lastUserText(messages: Messages): string {
  const last = messages.findLast((message) => message.role === "user");
  if (last !== undefined && last.content !== "") return last.content;
  throw invalid("messages must hold a message of the user with text.", "/messages");
}

/** Who speaks: `metadata.user_key`; for a stateless completion the protocol's own `user`, too. */
export function userOf(body: CompletionBody, isStateless: boolean): { readonly user?: string } {
  const user = body.metadata?.user_key ?? (isStateless ? body.user : undefined) ?? "";
  return user === "" || user.length > memoryLimits.userChars ? {} : { user };
}

/** What the request sets over the agent's own tuning. */
export function overridesOf(body: CompletionBody): CompletionMessage["overrides"] {
  const stop = typeof body.stop === "string" ? [body.stop] : body.stop;
  const all = {
    temperature: body.temperature,
    top_p: body.top_p,
    max_tokens: body.max_completion_tokens ?? body.max_tokens,
    frequency_penalty: body.frequency_penalty,
    presence_penalty: body.presence_penalty,
    stop,
    response_format: body.response_format,
  };
  const set = Object.entries(all).filter(([, value]) => value !== undefined && value !== null);
  return Object.fromEntries(set) as CompletionMessage["overrides"];
}

function contentOf(
  content: CompletionBody["messages"][number]["content"],
  pointer: string,
): string {
  if (content === null || content === undefined) return "";
  if (typeof content === "string") return content;
  return content
    .map((one, at) => {
      if (one.type === "text" && one.text !== undefined) return one.text;
      throw invalid("Only parts of type text are taken.", `${pointer}/${at}/type`);
    })
    .join("\n");
}

function invalid(message: string, pointer: string): RuntimeError {
  return new RuntimeError("INVALID", message, { pointer });
}
