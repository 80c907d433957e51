// Contents of messages: a text, or blocks. What a block becomes: text, documents that are text, and images of
// the user, calls of tools that earlier answers made, and the results of those.

import type { PromptMessage, ToolCall } from "../../../actors/ports.ts";
import type { ImageRef } from "../../../actors/records/image.ts";
import { type Static, Type } from "../../../actors/schema.ts";
import { RuntimeError } from "../../../runtime/errors.ts";

const TEXT_CHARS_MAX = 1_000_000;
const BLOCKS_MAX = 1_000;
const NAME_CHARS_MAX = 256;

const open = { additionalProperties: true } as const;
const text = Type.String({ maxLength: TEXT_CHARS_MAX });
const shortText = Type.Optional(Type.String({ maxLength: NAME_CHARS_MAX }));
const maybeText = Type.Optional(Type.String());
const plain = { type: Type.String({ maxLength: 50 }), text: Type.Optional(text) };
const many = { maxItems: BLOCKS_MAX } as const;
const nullable = Type.Optional(Type.Union([text, Type.Null()]));

/** What has a text: also a document, whose source is one. */
const readable = {
  ...plain,
  ...{ title: nullable, context: nullable },
  /** Of a document or an image. */
  source: Type.Optional(
    Type.Object(
      {
        ...{ type: Type.String(), media_type: maybeText, data: maybeText, url: maybeText },
        content: Type.Optional(Type.Union([text, Type.Array(Type.Object(plain, open), many)])),
      },
      open,
    ),
  ),
};

const block = Type.Object(
  {
    ...readable,
    /** Of a call. */
    ...{ id: shortText, name: shortText, input: Type.Optional(Type.Unknown()) },
    /** Of a result. */
    ...{
      tool_use_id: shortText,
      is_error: Type.Optional(Type.Union([Type.Boolean(), Type.Null()])),
    },
    content: Type.Optional(Type.Union([text, Type.Array(Type.Object(readable, open), many)])),
  },
  open,
);

/** A text, or blocks. */
export const blocks = Type.Union([text, Type.Array(block, many)]);

type Block = Static<typeof block>;
type Blocks = Static<typeof blocks>;
type Readable = Pick<Block, "type" | "text" | "title" | "context" | "source">;

/** What a model thought is its own: those of agents are not told it again. */
const notTold: ReadonlySet<string> = new Set(["thinking", "redacted_thinking", "tool_use"]);
const notSaid: ReadonlySet<string> = new Set(["tool_result", "image"]);

/**
 * The text of a content.
 * @param left types of blocks that are not looked at. Default: none.
 * @throws INVALID with a pointer for another one that has no text.
 */
export function textOf(
  content: string | readonly Readable[],
  pointer: string,
  left: ReadonlySet<string> = new Set(),
): string {
  if (typeof content === "string") return content;
  const texts = content.flatMap((one, at) => {
    if (left.has(one.type)) return [];
    if (one.type === "text" && one.text !== undefined) return [one.text];
    if (one.type === "document") return [documentText(one, `${pointer}/${at}`)];
    throw invalid(`Blocks of type ${one.type} are not taken here.`, `${pointer}/${at}/type`);
  });
  return texts.join("\n");
}

/** Results of tools first, which follow the calls that they answer, then what the user says. */
export function ofUser(content: Blocks, pointer: string): readonly PromptMessage[] {
  if (typeof content === "string") return [{ role: "user", content }];
  const places = content.map((one, at) => ({ one, place: `${pointer}/${at}` }));
  const of = (type: string) => places.filter(({ one }) => one.type === type);
  const results = of("tool_result").map(({ one, place }) => resultOf(one, place));
  const images = of("image").map(({ one, place }) => imageOf(one, place));
  const user = { role: "user", content: textOf(content, pointer, notSaid) } as const;
  if (images.length > 0) return [...results, { ...user, images }];
  const isSaid = of("text").length + of("document").length > 0;
  return results.length > 0 && !isSaid ? results : [...results, user];
}

/** Words and calls of an earlier answer. */
export function ofAssistant(content: Blocks, pointer: string): PromptMessage {
  if (typeof content === "string") return { role: "assistant", content };
  const toolCalls = content.flatMap((one, at): readonly ToolCall[] => {
    if (one.type !== "tool_use") return [];
    const { id = "", name = "", input = {} } = one;
    if (id === "") throw invalid("A call has an id.", `${pointer}/${at}/id`);
    return [{ id, name, arguments: JSON.stringify(input) }];
  });
  const message = { role: "assistant", content: textOf(content, pointer, notTold) } as const;
  return toolCalls.length > 0 ? { ...message, toolCalls } : message;
}

function resultOf(one: Block, pointer: string): PromptMessage {
  const { tool_use_id: toolCallId = "", is_error: isError, content: given = "" } = one;
  if (toolCallId === "") throw invalid("A result names its call.", `${pointer}/tool_use_id`);
  const told = textOf(given, `${pointer}/content`);
  // Models are told in words: not every provider has a mark for it.
  return { role: "tool", toolCallId, content: isError ? `Error: ${told}` : told };
}

/** What it is called and about stands before it, as the model would be told it. */
function documentText({ title, context, source }: Readable, pointer: string): string {
  const place = `${pointer}/source`;
  const said =
    source?.type === "text"
      ? source.data
      : source?.type === "content" && source.content !== undefined
        ? textOf(source.content, `${place}/content`)
        : undefined;
  if (said === undefined) {
    throw invalid("A document is text: its source is of type text or content.", `${place}/type`);
  }
  return [title, context, said].filter((one) => one).join("\n");
}

function imageOf({ source }: Block, pointer: string): ImageRef {
  const place = `${pointer}/source`;
  if (source?.type === "base64") {
    const url = `data:${source.media_type ?? ""};base64,${source.data ?? ""}`;
    return { url, pointer: place };
  }
  if (source?.type === "url") return { url: source.url ?? "", pointer: place };
  throw invalid("The source of an image is of type base64 or url.", `${place}/type`);
}

function invalid(message: string, pointer: string): RuntimeError {
  return new RuntimeError("INVALID", message, { pointer });
}
