// Items of an input as messages of a prompt: what users, assistants and developers said, calls of tools
// and their results, and references to items of earlier responses.

import type { PromptMessage, ToolCall } from "../../../../actors/ports.ts";
import type { ImageRef } from "../../../../actors/records/image.ts";
import { RuntimeError } from "../../../../runtime/errors.ts";
import { responseLimits } from "./limits.ts";
import { flatName } from "./tools.ts";

/** An item of an input or output, as the protocol has it. */
export type Item = Readonly<Record<string, unknown>>;

/** Finds an item of a stored response. @throws INVALID, NOT_FOUND with the pointer. */
export type FindItem = (id: string, pointer: string) => Promise<Item>;

/** A message, and where it stood in the request; null: in an earlier response. */
export interface Placed {
  readonly message: PromptMessage;
  readonly pointer: string | null;
}

/** The input in its long form. */
export function itemsOf(input: string | readonly object[]): readonly Item[] {
  if (typeof input !== "string") return input as readonly Item[];
  return [{ type: "message", role: "user", content: [{ type: "input_text", text: input }] }];
}

/** The items with those in the place of references that they name. */
export async function resolved(items: readonly Item[], find: FindItem): Promise<readonly Item[]> {
  const all: Item[] = [];
  for (const [at, item] of items.entries()) {
    const { type, id } = item;
    const isReference = type === "item_reference" || (type === undefined && !("role" in item));
    if (!isReference) all.push(item);
    else if (typeof id === "string") all.push(await find(id, `/input/${at}/id`));
    else throw invalid("An item has a type or a role.", `/input/${at}`);
  }
  return all;
}

/** The messages of items. @param base pointer to the items, null for those of earlier responses. */
export function messagesOf(items: readonly Item[], base: string | null): readonly Placed[] {
  const all: Placed[] = [];
  for (const [at, item] of items.entries()) {
    const pointer = `${base ?? "/previous_response_id"}/${at}`;
    const message = messageOf(item, pointer);
    if (message === null) continue;
    const last = all.at(-1)?.message;
    // Calls that were made together stand in one message, behind what was said before them.
    if (last?.role === "assistant" && message.role === "assistant" && hasCalls(message)) {
      const toolCalls = [...(last.toolCalls ?? []), ...(message.toolCalls ?? [])];
      all[all.length - 1] = { message: { ...last, toolCalls }, pointer: base && pointer };
    } else {
      all.push({ message, pointer: base && pointer });
    }
  }
  return all;
}

const hasCalls = (message: PromptMessage & { readonly role: "assistant" }): boolean =>
  (message.toolCalls ?? []).length > 0;

const roles: Readonly<Record<string, "system" | "user" | "assistant">> = {
  system: "system",
  developer: "system",
  user: "user",
  assistant: "assistant",
};

/** Null for what says nothing to a model of ours. */
function messageOf(item: Item, pointer: string): PromptMessage | null {
  switch (item["type"]) {
    case undefined:
    case "message":
      return said(item, pointer);
    case "function_call":
      return { role: "assistant", content: "", toolCalls: [callOf(item, pointer)] };
    case "function_call_output":
      return {
        role: "tool",
        toolCallId: textAt(item, "call_id", pointer),
        content: plainText(item["output"], `${pointer}/output`),
      };
    case "reasoning":
      // None is ever given back here; clients that have some of another model's send it along.
      return null;
    default: {
      const known = "message, function_call, function_call_output, item_reference";
      const type = String(item["type"]).slice(0, 64);
      throw invalid(`Items of type ${type} are not taken; ${known} are.`, `${pointer}/type`);
    }
  }
}

function said(item: Item, pointer: string): PromptMessage {
  const given = String(item["role"]);
  const role = Object.hasOwn(roles, given) ? roles[given] : undefined;
  if (role === undefined) {
    throw invalid(`role must be one of ${Object.keys(roles).join(", ")}.`, `${pointer}/role`);
  }
  const { content } = item;
  if (role !== "user" || typeof content === "string" || !Array.isArray(content)) {
    return { role, content: plainText(content, `${pointer}/content`) };
  }
  const parts = content as readonly Item[];
  const isImage = ({ type }: Item): boolean => type === "input_image";
  const images = parts.flatMap((part, at) =>
    isImage(part) ? [imageOf(part, `${pointer}/content/${at}`)] : [],
  );
  const text = plainText(content, `${pointer}/content`, isImage);
  return { role, content: text, ...(images.length > 0 && { images }) };
}

function imageOf(part: Item, pointer: string): ImageRef {
  const { image_url: url, detail } = part;
  if (typeof url !== "string") {
    throw invalid("An image has an image_url; files are not taken.", `${pointer}/image_url`);
  }
  if (detail === undefined || detail === null) return { url, pointer };
  if (detail === "auto" || detail === "low" || detail === "high") return { url, detail, pointer };
  throw invalid("detail is auto, low or high.", `${pointer}/detail`);
}

function callOf(item: Item, pointer: string): ToolCall {
  return {
    id: textAt(item, "call_id", pointer),
    name: flatName(item["namespace"], textAt(item, "name", pointer)),
    arguments: textAt(item, "arguments", pointer),
  };
}

const texts = new Set(["input_text", "output_text", "text", "summary_text"]);

/** The text of a content: parts with a line between, but those that are `left`. */
function plainText(content: unknown, pointer: string, left = (_: Item): boolean => false): string {
  if (content === null || content === undefined) return "";
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) throw invalid("A content is a text or a list of parts.", pointer);
  if (content.length > responseLimits.parts) {
    throw invalid(`At most ${responseLimits.parts} parts are taken.`, pointer);
  }
  const lines = (content as readonly unknown[]).flatMap((part, at): readonly string[] => {
    const { type, text, refusal } = (part ?? {}) as Item;
    if (left((part ?? {}) as Item)) return [];
    if (texts.has(String(type)) && typeof text === "string") return [text];
    if (type === "refusal" && typeof refusal === "string") return [refusal];
    const what = `Parts of type ${String(type).slice(0, 64)} are not taken here.`;
    throw invalid(what, `${pointer}/${at}/type`);
  });
  return lines.join("\n");
}

function textAt(item: Item, name: string, pointer: string): string {
  const value = item[name];
  if (typeof value !== "string") throw invalid(`${name} is a text.`, `${pointer}/${name}`);
  if (value.length <= responseLimits.textChars) return value;
  const most = responseLimits.textChars;
  throw invalid(`${name} has at most ${most} characters.`, `${pointer}/${name}`);
}

function invalid(message: string, pointer: string): RuntimeError {
  return new RuntimeError("INVALID", message, { pointer });
}
