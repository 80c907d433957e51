// What a stateless completion may bring along beside text: tools that its caller runs, calls of them that
// earlier answers made, results of those, images. Checked before a run begins, for every protocol alike.

import { RuntimeError } from "../runtime/errors.ts";
import { checkSchemaLimits } from "./answer/output-schema.ts";
import { limits } from "./limits.ts";
import type { PromptMessage, ToolSpec } from "./ports.ts";
import type { CompletionMessage } from "./records/conversation.ts";
import type { ImageRef } from "./records/image.ts";

/** Where things stand in the request of a protocol, as JSON pointers. */
export interface Pointers {
  /** Of the n-th of `messages`, and of the n-th tool. */
  message(at: number): string;
  tool(at: number): string;
  readonly choice: string;
}

/** Where the protocols have no places of their own. */
export const plainPointers: Pointers = {
  message: (at) => `/messages/${at}`,
  tool: (at) => `/tools/${at}`,
  choice: "/tool_choice",
};

const NAME = /^[a-zA-Z0-9_-]{1,64}$/;
const CALL_ID_CHARS_MAX = 256;
const IMAGE_DATA = /^data:image\/(png|jpeg|gif|webp);base64,[A-Za-z0-9+/]+={0,2}$/;

/**
 * Checks the messages and tools of a completion.
 * @throws INVALID, SCHEMA_INVALID with a pointer.
 */
export function checkClientParts(
  { messages, overrides }: Pick<CompletionMessage, "messages" | "overrides">,
  pointers: Pointers = plainPointers,
): void {
  const { tools, tool_choice: choice } = overrides;
  if (tools !== undefined) checkTools(tools, pointers);
  const named = typeof choice === "object" ? choice.name : undefined;
  if (named !== undefined && !tools?.some(({ name }) => name === named)) {
    throw invalid(`tool_choice names ${named.slice(0, 64)}, which tools does not hold.`, pointers);
  }
  if (choice === "required" && (tools ?? []).length === 0) {
    throw invalid("tool_choice requires a call, and there are no tools.", pointers);
  }
  const asked = messages.findLast(({ role }) => role === "user");
  if (asked === undefined || (asked.content === "" && !hasImages(asked))) {
    throw at("messages must hold a message of the user with text.", "/messages");
  }
  checkCalls(messages, pointers);
  checkImages(messages, pointers);
}

const hasImages = (message: PromptMessage): boolean =>
  message.role === "user" && (message.images ?? []).length > 0;

function checkTools(tools: readonly ToolSpec[], pointers: Pointers): void {
  if (tools.length > limits.clientTools) {
    throw at(`At most ${limits.clientTools} tools are taken.`, pointers.tool(limits.clientTools));
  }
  if (JSON.stringify(tools).length > limits.clientToolsChars) {
    const text = `Tools have at most ${limits.clientToolsChars} characters as JSON, together.`;
    throw at(text, pointers.tool(0));
  }
  const names = new Set<string>();
  for (const [place, { name, description, parameters }] of tools.entries()) {
    const pointer = pointers.tool(place);
    if (!NAME.test(name)) {
      throw at("The name of a tool has 1 to 64 letters, digits, _ and -.", pointer);
    }
    if (names.has(name)) throw at(`Two tools have the name ${name}.`, pointer);
    names.add(name);
    if (description.length > limits.clientToolDescriptionChars) {
      const max = limits.clientToolDescriptionChars;
      throw at(`A description has at most ${max} characters.`, pointer);
    }
    checkSchemaLimits(parameters, pointer);
    if (parameters["type"] !== "object") {
      throw at('The schema of arguments has "type": "object".', pointer);
    }
  }
}

/** Providers refuse a call without its result and a result without its call, each in words of its own. */
function checkCalls(messages: readonly PromptMessage[], pointers: Pointers): void {
  let open = new Set<string>();
  let asked = 0;
  for (const [place, message] of messages.entries()) {
    const pointer = pointers.message(place);
    if (message.role === "tool") {
      if (open.delete(message.toolCallId)) continue;
      const id = message.toolCallId.slice(0, 64);
      throw at(`The result of ${id} follows no message with that call.`, pointer);
    }
    if (open.size > 0) throw unanswered(open, pointers.message(asked));
    if (message.role !== "assistant") continue;
    asked = place;
    const calls = message.toolCalls ?? [];
    for (const { id, name } of calls) {
      if (id === "" || id.length > CALL_ID_CHARS_MAX) {
        throw at(`The id of a call has 1 to ${CALL_ID_CHARS_MAX} characters.`, pointer);
      }
      if (!NAME.test(name)) throw at(`A call names no tool: ${name.slice(0, 64)}.`, pointer);
    }
    open = new Set(calls.map(({ id }) => id));
    if (open.size < calls.length) throw at("Two calls have the same id.", pointer);
  }
  if (open.size > 0) throw unanswered(open, pointers.message(asked));
}

function unanswered(open: ReadonlySet<string>, pointer: string): RuntimeError {
  const ids = [...open].slice(0, 5).map((id) => id.slice(0, 64));
  return at(`Calls without a result behind them: ${ids.join(", ")}.`, pointer);
}

function checkImages(messages: readonly PromptMessage[], pointers: Pointers): void {
  let count = 0;
  let dataChars = 0;
  for (const [place, message] of messages.entries()) {
    for (const image of message.role === "user" ? (message.images ?? []) : []) {
      const pointer = image.pointer ?? pointers.message(place);
      count += 1;
      if (count > limits.images) throw at(`At most ${limits.images} images are taken.`, pointer);
      if (image.url.startsWith("data:")) dataChars += image.url.length;
      if (dataChars > limits.imagesDataChars) {
        const text = `Images have at most ${limits.imagesDataChars} characters as data, together.`;
        throw at(text, pointer);
      }
      checkImage(image, pointer);
    }
  }
}

function checkImage({ url }: ImageRef, pointer: string): void {
  if (url.startsWith("data:")) {
    if (IMAGE_DATA.test(url)) return;
    const text = "An image as data is data:image/<type>;base64,<data> of png, jpeg, gif or webp.";
    throw at(text, pointer);
  }
  if (url.startsWith("https://") && url.length <= limits.imageUrlChars && URL.canParse(url)) return;
  const text = `An image is an https address of at most ${limits.imageUrlChars} characters, or data.`;
  throw at(text, pointer);
}

function invalid(message: string, { choice }: Pointers): RuntimeError {
  return at(message, choice);
}

function at(message: string, pointer: string): RuntimeError {
  return new RuntimeError("INVALID", message, { pointer });
}
