// A request to /v1/messages: the fields this server uses, with everything else of the protocol accepted
// and left alone, what is refused because leaving it alone would change the answer, and what the
// messages become.

import { type Pointers, plainPointers } from "../../../actors/client-tools.ts";
import type { PromptMessage } from "../../../actors/ports.ts";
import type { CompletionMessage } from "../../../actors/records/conversation.ts";
import { memoryLimits } from "../../../actors/records/memory.ts";
import { type Static, Type } from "../../../actors/schema.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import { blocks, ofAssistant, ofUser, textOf } from "./content.ts";
import { toolFields, toolOverrides } from "./tools.ts";

const open = { additionalProperties: true } as const;
const nullable = <S extends Parameters<typeof Type.Union>[0][number]>(schema: S) =>
  Type.Optional(Type.Union([schema, Type.Null()]));

const MESSAGES_MAX = 2_000;
const STOPS_MAX = 16;
const STOP_CHARS_MAX = 1_000;

const shared = {
  model: Type.String({ minLength: 1, maxLength: 200 }),
  messages: Type.Array(
    Type.Object({ role: Type.String({ maxLength: 20 }), content: blocks }, open),
    {
      minItems: 1,
      maxItems: MESSAGES_MAX,
    },
  ),
  system: nullable(blocks),
  ...toolFields,
  thinking: nullable(Type.Object({ type: Type.String({ maxLength: 50 }) }, open)),
  output_config: nullable(
    Type.Object(
      {
        format: nullable(
          Type.Object({ type: Type.Literal("json_schema"), schema: Type.Object({}, open) }, open),
        ),
      },
      open,
    ),
  ),
};

/** Body of POST /v1/messages/count_tokens. */
export const countBody = Type.Object(shared, open);

/** Body of POST /v1/messages. */
export const messagesBody = Type.Object(
  {
    ...shared,
    max_tokens: Type.Integer({ minimum: 1, maximum: 1_000_000 }),
    stream: nullable(Type.Boolean()),
    stop_sequences: nullable(
      Type.Array(Type.String({ minLength: 1, maxLength: STOP_CHARS_MAX }), { maxItems: STOPS_MAX }),
    ),
    temperature: nullable(Type.Number({ minimum: 0, maximum: 1 })),
    top_p: nullable(Type.Number({ minimum: 0, maximum: 1 })),
    top_k: nullable(Type.Integer({ minimum: 0, maximum: 1_000_000 })),
    metadata: nullable(Type.Object({ user_id: nullable(Type.String({ maxLength: 1_000 })) }, open)),
  },
  open,
);

/** A checked request. */
export type CountBody = Static<typeof countBody>;
export type MessagesBody = Static<typeof messagesBody>;

/** Fields of the protocol that would change the answer, and that nothing here can do. */
const refused: Readonly<Record<string, string>> = {
  mcp_servers: "Servers of tools belong to the agent: give them to it.",
  container: "There are no containers here.",
  thread: "No conversation is kept for this protocol: send all of it.",
};

/** By this clients know that they have to send the whole conversation. */
const THREADS_UNSUPPORTED = "thread_unsupported_request";

/** @throws INVALID with a pointer for a field that would change the answer and is not known here. */
export function refuseFields(body: CountBody | MessagesBody): void {
  for (const [name, message] of Object.entries(refused)) {
    const value = (body as Readonly<Record<string, unknown>>)[name];
    if (value === undefined || value === null) continue;
    if (Array.isArray(value) && value.length === 0) continue;
    const known = name === "thread" ? { error_code: THREADS_UNSUPPORTED } : {};
    throw new RuntimeError("INVALID", message, { pointer: `/${name}`, ...known });
  }
}

/** Messages, and where each of them came from. */
export interface Told {
  readonly messages: readonly PromptMessage[];
  readonly pointers: Pointers;
}

/** The messages, those of the system first. @throws INVALID with a pointer for what cannot be told. */
export function messagesOf({ system, messages }: CountBody): Told {
  const said = textOf(system ?? "", "/system");
  const told: (readonly [PromptMessage, string])[] = [];
  if (said !== "") told.push([{ role: "system", content: said }, "/system"]);
  for (const [at, message] of messages.entries()) {
    const pointer = `/messages/${at}`;
    for (const one of messagesOfOne(message, pointer)) told.push([one, pointer]);
  }
  const places = told.map(([, pointer]) => pointer);
  return {
    messages: told.map(([message]) => message),
    pointers: { ...plainPointers, message: (at) => places[at] ?? "/messages" },
  };
}

/** What the request sets over the agent's own tuning. */
export function overridesOf(body: MessagesBody): CompletionMessage["overrides"] {
  const format = body.output_config?.format;
  const all = {
    temperature: body.temperature,
    top_p: body.top_p,
    top_k: body.top_k,
    max_tokens: body.max_tokens,
    stop: body.stop_sequences,
    response_format: format && {
      type: "json_schema",
      json_schema: { name: "output", schema: format.schema },
    },
  };
  const set = Object.entries(all).filter(([, value]) => value !== undefined && value !== null);
  return { ...Object.fromEntries(set), ...toolOverrides(body) };
}

/** Who speaks, if the name can be one of a user here. */
export function userOf({ metadata }: MessagesBody): { readonly user?: string } {
  const user = metadata?.user_id ?? "";
  return user === "" || user.length > memoryLimits.userChars ? {} : { user };
}

function messagesOfOne(
  { role, content }: CountBody["messages"][number],
  pointer: string,
): readonly PromptMessage[] {
  const place = `${pointer}/content`;
  if (role === "user") return ofUser(content, place);
  if (role === "assistant") return [ofAssistant(content, place)];
  if (role === "system") return [{ role, content: textOf(content, place) }];
  const message = "role must be one of user, assistant, system.";
  throw new RuntimeError("INVALID", message, { pointer: `${pointer}/role` });
}
