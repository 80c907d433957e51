// What the widget posts. Always JSON in a body whatever its type is called: a page of another origin may
// post plain text without asking first, and what proves the visitor stands in the body, not in a URL.

import { type Static, type TSchema, Type } from "../../../actors/schema.ts";
import { parseJson } from "../../http/body.ts";
import { loadValidator, validate } from "../../http/validate.ts";
import { webChatLimits } from "./limits.ts";
import { DATA_MAX } from "./visitor-files.ts";

const closed = { additionalProperties: false } as const;
const name = Type.String({ pattern: "^[A-Za-z0-9_-]{1,64}$" });
const token = Type.String({ minLength: 1, maxLength: 4_000 });
const count = (maximum: number) => Type.Integer({ minimum: 0, maximum });
const SEQ_MAX = 9_999_999_999_999;
const held = {
  token,
  /** The page's name for it; among its visitor's alone. */
  conversation: Type.Optional(name),
} as const;

/** POST /session. */
export const sessionBody = Type.Object(
  { token: Type.Optional(token), user_token: Type.Optional(token) },
  closed,
);

/** POST /upload: a piece of a file. */
export const uploadBody = Type.Object(
  {
    ...held,
    file: name,
    index: count(100),
    /** Of the whole file. */
    bytes: Type.Integer({ minimum: 1, maximum: webChatLimits.visitorFileBytes }),
    data: Type.String({ minLength: 1, maxLength: DATA_MAX }),
  },
  closed,
);

const sentFile = Type.Object(
  {
    id: name,
    name: Type.String({ minLength: 1, maxLength: webChatLimits.fileName }),
    media_type: Type.String({ maxLength: 200 }),
    bytes: Type.Integer({ minimum: 1, maximum: webChatLimits.visitorFileBytes }),
    pieces: Type.Array(count(SEQ_MAX), { minItems: 1, maxItems: 100 }),
  },
  closed,
);

/** POST /messages: a text, a file, both, or a pressed button. */
export const messageBody = Type.Object(
  {
    ...held,
    /** Of the client: the same again is the same message. */
    id: name,
    text: Type.Optional(Type.String({ minLength: 1, maxLength: webChatLimits.messageChars })),
    file: Type.Optional(sentFile),
    action: Type.Optional(Type.String({ pattern: "^[A-Za-z0-9_.:-]{1,64}$" })),
    /** Id of the message whose button it is. */
    of: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
  },
  closed,
);

/** POST /events. */
export const eventsBody = Type.Object(
  {
    ...held,
    after: count(SEQ_MAX),
    wait: Type.Optional(count(webChatLimits.waitS)),
    /** Until when it shows that an answer is written, as it was told. */
    typing: Type.Optional(count(SEQ_MAX)),
  },
  closed,
);

/** POST /file. */
export const fileBody = Type.Object({ ...held, seq: count(SEQ_MAX), index: count(100) }, closed);

/** A body, checked. @throws BAD_ENCODING, BAD_JSON, TOO_DEEP, INVALID, UNKNOWN_FIELD. */
export async function readBody<Schema extends TSchema>(
  schema: Schema,
  bytes: Uint8Array,
): Promise<Static<Schema>> {
  await loadValidator();
  const value = parseJson(bytes);
  validate(schema, value);
  return value as Static<Schema>;
}
