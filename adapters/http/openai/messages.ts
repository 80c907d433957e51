// The messages of OpenAI's protocol as ours: text, images of the user, calls of tools and their results.
// What has no place here is refused where it stands.

import type { PromptMessage, ToolCall } from "../../../actors/ports.ts";
import type { ImageRef } from "../../../actors/records/image.ts";
import { memoryLimits } from "../../../actors/records/memory.ts";
import { type Static, Type } from "../../../actors/schema.ts";
import { RuntimeError } from "../../../runtime/errors.ts";

const open = { additionalProperties: true } as const;

const MESSAGES_MAX = 2_000;
const PARTS_MAX = 200;
const CALLS_MAX = 128;
const TEXT_CHARS_MAX = 1_000_000;

/** A text of any request of the protocol. */
export const text = Type.String({ maxLength: TEXT_CHARS_MAX });

/** A field that may also be null, which means as much as nothing. */
export const nullable = <S extends Parameters<typeof Type.Union>[0][number]>(schema: S) =>
  Type.Optional(Type.Union([schema, Type.Null()]));

const part = Type.Object(
  {
    type: Type.String({ maxLength: 50 }),
    text: Type.Optional(text),
    refusal: Type.Optional(text),
    image_url: Type.Optional(
      Type.Object({ url: Type.Optional(text), detail: nullable(Type.String()) }, open),
    ),
  },
  open,
);

const toolCall = Type.Object(
  {
    id: Type.String({ maxLength: 256 }),
    type: Type.Optional(Type.String({ maxLength: 50 })),
    function: Type.Optional(
      Type.Object({ name: Type.String({ maxLength: 64 }), arguments: text }, open),
    ),
  },
  open,
);

/** `messages` of a request. */
export const completionMessages = Type.Array(
  Type.Object(
    {
      role: Type.String({ maxLength: 20 }),
      content: nullable(Type.Union([text, Type.Array(part, { maxItems: PARTS_MAX })])),
      tool_calls: nullable(Type.Array(toolCall, { maxItems: CALLS_MAX })),
      tool_call_id: nullable(Type.String({ maxLength: 256 })),
      function_call: Type.Optional(Type.Unknown()),
    },
    open,
  ),
  { minItems: 1, maxItems: MESSAGES_MAX },
);

type Sent = Static<typeof completionMessages>[number];

const roles: Readonly<Record<string, PromptMessage["role"]>> = {
  system: "system",
  developer: "system",
  user: "user",
  assistant: "assistant",
  tool: "tool",
};

/** The messages as ours. @throws INVALID with a pointer for what has no place in them. */
export function messagesOf(sent: readonly Sent[]): readonly PromptMessage[] {
  return sent.map((message, at) => messageOf(message, `/messages/${at}`));
}

/** The last message of the user. @throws INVALID when it has no text. */
export function lastUserText(messages: readonly PromptMessage[]): string {
  const last = messages.findLast((message) => message.role === "user");
  if (last !== undefined && last.content !== "") return last.content;
  throw invalid("messages must hold a message of the user with text.", "/messages");
}

/** Who speaks, as far as it is an id that users here may have. */
export function userIdOf(user: string | null | undefined): { readonly user?: string } {
  const id = user ?? "";
  return id === "" || id.length > memoryLimits.userChars ? {} : { user: id };
}

function messageOf(message: Sent, pointer: string): PromptMessage {
  const role = Object.hasOwn(roles, message.role) ? roles[message.role] : undefined;
  if (role === undefined) {
    const known = Object.keys(roles).join(", ");
    throw invalid(`role must be one of ${known}.`, `${pointer}/role`);
  }
  if (message.function_call !== undefined && message.function_call !== null) {
    throw invalid("function_call is not taken: use tool_calls.", `${pointer}/function_call`);
  }
  const { content, images } = contentOf(message.content, role, `${pointer}/content`);
  if (role === "tool") {
    const id = message.tool_call_id ?? "";
    if (id === "")
      throw invalid("A message of a tool has a tool_call_id.", `${pointer}/tool_call_id`);
    return { role, content, toolCallId: id };
  }
  const calls = message.tool_calls ?? [];
  if (role === "assistant" && calls.length > 0) {
    const toolCalls = calls.map((call, at) => callOf(call, `${pointer}/tool_calls/${at}`));
    return { role, content, toolCalls };
  }
  return role === "user" && images.length > 0 ? { role, content, images } : { role, content };
}

function callOf(call: NonNullable<Sent["tool_calls"]>[number], pointer: string): ToolCall {
  const { id, type = "function", function: called } = call;
  if (type !== "function") throw invalid("Only calls of functions are taken.", `${pointer}/type`);
  if (called === undefined) throw invalid("A call names a function.", `${pointer}/function`);
  return { id, name: called.name, arguments: called.arguments };
}

interface Content {
  readonly content: string;
  readonly images: readonly ImageRef[];
}

function contentOf(
  content: Sent["content"],
  role: PromptMessage["role"],
  pointer: string,
): Content {
  if (content === null || content === undefined) return { content: "", images: [] };
  if (typeof content === "string") return { content, images: [] };
  const texts: string[] = [];
  const images: ImageRef[] = [];
  for (const [at, one] of content.entries()) {
    const said = one.type === "refusal" ? one.refusal : one.type === "text" ? one.text : undefined;
    if (said !== undefined) texts.push(said);
    else if (one.type === "image_url" && role === "user") {
      images.push(imageOf(one.image_url, `${pointer}/${at}/image_url`));
    } else {
      const images = role === "user" ? ", and images as image_url," : "";
      throw invalid(`Only parts of type text${images} are taken.`, `${pointer}/${at}/type`);
    }
  }
  return { content: texts.join("\n"), images };
}

const details = ["auto", "low", "high"] as const;

function imageOf(
  image: { readonly url?: string; readonly detail?: string | null } | undefined,
  pointer: string,
): ImageRef {
  if (image?.url === undefined) throw invalid("An image has a url.", `${pointer}/url`);
  const detail = details.find((one) => one === image.detail);
  if (detail === undefined && image.detail !== undefined && image.detail !== null) {
    throw invalid(`detail is one of ${details.join(", ")}.`, `${pointer}/detail`);
  }
  return { url: image.url, pointer: `${pointer}/url`, ...(detail && { detail }) };
}

function invalid(message: string, pointer: string): RuntimeError {
  return new RuntimeError("INVALID", message, { pointer });
}
