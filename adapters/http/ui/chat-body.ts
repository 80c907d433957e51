// The body of a request to /ui-chat: what `DefaultChatTransport` of the package `ai` sends, and what its
// option `body` may add for this server.

import { userKey } from "../../../actors/records/memory.ts";
import { type Static, Type } from "../../../actors/schema.ts";
import { maxSpendField } from "../max-spend.ts";

const open = { additionalProperties: true } as const;
/** Longest id of a thread, a run or a message that a client makes, in characters. */
export const CLIENT_ID_CHARS_MAX = 200;
const MESSAGES_MAX = 2_000;
const PARTS_MAX = 2_000;
const TOOLS_MAX = 1_000;
const id = Type.String({ minLength: 1, maxLength: CLIENT_ID_CHARS_MAX });
const orNull = <S extends Parameters<typeof Type.Union>[0][number]>(schema: S) =>
  Type.Optional(Type.Union([schema, Type.Null()]));

/** Room for the files that messages may have. */
export const CHAT_BODY_BYTES_MAX = 8 * 1024 * 1024;

const part = Type.Object({ type: Type.String({ maxLength: 200 }) }, open);
const message = Type.Object(
  {
    id: Type.String({ maxLength: CLIENT_ID_CHARS_MAX }),
    role: Type.Union([Type.Literal("system"), Type.Literal("user"), Type.Literal("assistant")]),
    parts: Type.Array(part, { maxItems: PARTS_MAX }),
  },
  open,
);

/** Tools that the client runs. */
const tool = Type.Object(
  {
    name: Type.String({ maxLength: 64 }),
    description: Type.Optional(Type.String()),
    /** JSON Schema of its input. */
    inputSchema: Type.Record(Type.String(), Type.Unknown()),
  },
  { additionalProperties: false },
);

/** The body. Other members that a client's `body` adds are let through unread. */
export const chatBody = Type.Object(
  {
    /** Of the chat: a thread of this agent. */
    id,
    messages: Type.Array(message, { minItems: 1, maxItems: MESSAGES_MAX }),
    trigger: orNull(
      Type.Union([Type.Literal("submit-message"), Type.Literal("regenerate-message")]),
    ),
    messageId: orNull(Type.String({ maxLength: CLIENT_ID_CHARS_MAX })),
    tools: orNull(Type.Array(tool, { maxItems: TOOLS_MAX })),
    /** Who speaks; decides whose memory is used. */
    user_key: orNull(userKey),
    max_spend: Type.Optional(maxSpendField),
  },
  open,
);

/** A checked body. */
export type ChatBody = Static<typeof chatBody>;
/** A message of the client. */
export type UiMessage = ChatBody["messages"][number];
