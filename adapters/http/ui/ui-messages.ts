// Messages of the AI SDK's UI as an agent is told them, and the decisions that they hold.

import type { PromptMessage, ToolCall } from "../../../actors/ports.ts";
import type { MessageRecord } from "../../../actors/records/conversation.ts";
import type { ImageRef } from "../../../actors/records/image.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import type { ChatBody, UiMessage } from "./chat-body.ts";
import { sourcePart } from "./chunk-writer.ts";
import type { Decided } from "./decide.ts";

type Part = UiMessage["parts"][number] & Readonly<Record<string, unknown>>;

/** A message and where it stood in the request. */
export interface Placed {
  readonly message: PromptMessage;
  readonly pointer: string;
}

/** A message that is kept here, with the id that its stream gave it. */
export function keptMessage(record: MessageRecord): object {
  const { id, role, content, run_id, sources = [] } = record;
  const text = { type: "text", text: content };
  if (role === "user") return { id, role, parts: [text] };
  const metadata = { run_id, message_id: id };
  return { id: messageIdOf(run_id), role, metadata, parts: [text, ...sources.map(sourcePart)] };
}

/** Id of the message in which a run answers. */
export function messageIdOf(run: string): string {
  return `msg_${run}`;
}

/** Text of a message; parts that are none are left out. */
export function textOf({ parts }: Pick<UiMessage, "parts">): string {
  const texts = parts.map((part: Part) =>
    part.type === "text" && typeof part["text"] === "string" ? part["text"] : "",
  );
  return texts.filter((text) => text !== "").join("\n");
}

/** Whether the messages have what a conversation that is kept here does not take. */
export function needsWhole({ messages, tools }: ChatBody): boolean {
  if ((tools ?? []).length > 0) return true;
  return messages.some(
    ({ role, parts }) =>
      role === "system" ||
      parts.some((part: Part) => (role === "user" && part.type === "file") || isClientCall(part)),
  );
}

/** What the client has decided since the last answer; [] when it has decided nothing. */
export function decisionsIn({ messages }: ChatBody): readonly Decided[] {
  const last = messages.at(-1);
  if (last?.role !== "assistant") return [];
  return last.parts.flatMap((part: Part, at): readonly Decided[] => {
    if (part["state"] !== "approval-responded") return [];
    const pointer = `/messages/${messages.length - 1}/parts/${at}/approval`;
    const { id, approved, reason } = (part["approval"] ?? {}) as Readonly<Record<string, unknown>>;
    if (typeof id !== "string" || typeof approved !== "boolean") {
      throw new RuntimeError("INVALID", "An approval has an id, and approved.", { pointer });
    }
    const decision = approved ? "approve" : "reject";
    const note = typeof reason === "string" && reason !== "" ? { note: reason } : {};
    return [{ approval: id, input: { decision, ...note }, pointer }];
  });
}

/** All messages. @throws INVALID with a pointer for a file that is no image. */
export function promptOf({ messages }: ChatBody): readonly Placed[] {
  return messages.flatMap((message, at) => {
    const pointer = `/messages/${at}`;
    const { role } = message;
    if (role === "assistant") return stepsOf(message, pointer);
    const content = textOf(message);
    if (role === "system") return [{ message: { role, content }, pointer }];
    const images = message.parts.flatMap((part: Part, place) =>
      part.type === "file" ? [imageOf(part, `${pointer}/parts/${place}`)] : [],
    );
    const more = images.length === 0 ? {} : { images };
    return [{ message: { role, content, ...more }, pointer }];
  });
}

/** An assistant's message, step by step: what it said and called, then what the client's tools gave. */
function stepsOf({ parts }: UiMessage, pointer: string): readonly Placed[] {
  const steps: Part[][] = [[]];
  for (const part of parts as readonly Part[]) {
    if (part.type === "step-start") steps.push([]);
    else steps.at(-1)?.push(part);
  }
  return steps.flatMap((step) => {
    const answered = step.filter((part) => isClientCall(part) && resultOf(part) !== null);
    const toolCalls = answered.map(callOf);
    const content = textOf({ parts: step });
    if (content === "" && toolCalls.length === 0) return [];
    const said: PromptMessage = {
      role: "assistant",
      content,
      ...(toolCalls.length > 0 && { toolCalls }),
    };
    const results = answered.map(
      (part): PromptMessage => ({
        role: "tool",
        content: resultOf(part) ?? "",
        toolCallId: callOf(part).id,
      }),
    );
    return [said, ...results].map((message) => ({ message, pointer }));
  });
}

/** A call of a tool that the client runs; those of the agent are marked. */
function isClientCall(part: Part): boolean {
  const isCall = part.type === "dynamic-tool" || part.type.startsWith("tool-");
  return isCall && part["providerExecuted"] !== true;
}

function callOf(part: Part): ToolCall {
  const name = part.type === "dynamic-tool" ? part["toolName"] : part.type.slice("tool-".length);
  return {
    id: String(part["toolCallId"] ?? ""),
    name: String(name ?? ""),
    arguments: JSON.stringify(part["input"] ?? {}),
  };
}

/** What came of a call; null for one that has no result, which the model is not told of. */
function resultOf(part: Part): string | null {
  const { state, output, errorText } = part;
  if (state === "output-available") {
    return typeof output === "string" ? output : (JSON.stringify(output) ?? "null");
  }
  return state === "output-error" ? JSON.stringify({ error: errorText }) : null;
}

function imageOf(part: Part, pointer: string): ImageRef {
  const { url, mediaType } = part;
  if (typeof url === "string" && typeof mediaType === "string" && mediaType.startsWith("image/")) {
    return { url, pointer };
  }
  throw new RuntimeError("INVALID", "Files in messages are images.", { pointer });
}
