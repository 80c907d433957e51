// Messages of AG-UI as an agent is told them, and the decisions that resume a run.

import type { PromptMessage } from "../../../actors/ports.ts";
import type { ImageRef } from "../../../actors/records/image.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import type { Decided } from "./decide.ts";
import { isOwnCall } from "./own-calls.ts";
import type { AgUiMessage, RunInput } from "./run-input.ts";
import type { Placed } from "./ui-messages.ts";

type Fields = Readonly<Record<string, unknown>>;

const NOTE_CHARS_MAX = 2_000;
/** Parts of one message. */
const PARTS_MAX = 1_000;
const systemRoles: ReadonlySet<string> = new Set(["system", "developer"]);
/** What a model thought, and what was only shown, is not said to it again. */
const leftOut: ReadonlySet<string> = new Set(["reasoning", "activity", "tool"]);

/** Text of a message; parts that are none are left out. */
export function textOf({ content }: AgUiMessage): string {
  if (typeof content === "string") return content;
  const texts = partsOf(content).flatMap(({ type, text }) =>
    type === "text" && typeof text === "string" ? [text] : [],
  );
  return texts.join("\n");
}

/** Whether the request has what a conversation that is kept here does not take. */
export function needsWhole({ messages, tools, context, state }: RunInput): boolean {
  const isStated = isObject(state) && Object.keys(state).length > 0;
  if ((tools ?? []).length > 0 || (context ?? []).length > 0 || isStated) return true;
  return messages.some(
    ({ role, content, toolCalls }) =>
      systemRoles.has(role) ||
      (role === "user" && partsOf(content).some(({ type }) => type !== "text")) ||
      (toolCalls ?? []).some(({ id }) => !isOwnCall(id)),
  );
}

/** What the client has decided. @throws INVALID with a pointer for a payload that says nothing. */
export function decisionsIn({ resume }: RunInput): readonly Decided[] {
  return (resume ?? []).map(({ interruptId: approval, status, payload }, at): Decided => {
    const pointer = `/resume/${at}/payload`;
    if (status === "cancelled") return { approval, input: { decision: "reject" }, pointer };
    const { approved, note, arguments: given } = isObject(payload) ? payload : {};
    if (typeof approved !== "boolean") {
      const message = 'The payload of a resolved interrupt is {"approved": true or false}.';
      throw new RuntimeError("INVALID", message, { pointer });
    }
    const said = typeof note === "string" && note !== "" ? note.slice(0, NOTE_CHARS_MAX) : null;
    const input = {
      decision: approved ? "approve" : "reject",
      ...(said !== null && { note: said }),
      ...(approved && isObject(given) && { arguments: given }),
    } as const;
    return { approval, input, pointer };
  });
}

/** All messages, and before them what the application says of itself. @throws INVALID with a pointer. */
export function promptOf(input: RunInput): readonly Placed[] {
  const results = new Map(
    input.messages.flatMap((message) =>
      message.role === "tool" && message.toolCallId != null
        ? [[message.toolCallId, resultOf(message)] as const]
        : [],
    ),
  );
  const placed = input.messages.flatMap((message, at): readonly Placed[] => {
    const pointer = `/messages/${at}`;
    return messagesOf(message, results, pointer).map((one) => ({ message: one, pointer }));
  });
  return [...aboutOf(input), ...placed];
}

function aboutOf({ context, state }: RunInput): readonly Placed[] {
  const lines = (context ?? []).map(({ description, value }) => `${description}: ${value}`);
  const isStated = isObject(state) && Object.keys(state).length > 0;
  const about = [
    ...(lines.length > 0 ? [["/context", `Context of the application:\n${lines.join("\n")}`]] : []),
    ...(isStated ? [["/state", `State of the application:\n${JSON.stringify(state)}`]] : []),
  ];
  return about.map(([pointer = "", content = ""]) => ({
    message: { role: "system", content },
    pointer,
  }));
}

function messagesOf(
  message: AgUiMessage,
  results: ReadonlyMap<string, string>,
  pointer: string,
): readonly PromptMessage[] {
  const { role } = message;
  if (leftOut.has(role)) return [];
  const content = textOf(message);
  if (systemRoles.has(role)) return [{ role: "system", content }];
  if (role === "user") {
    const images = imagesOf(message, pointer);
    return [{ role, content, ...(images.length > 0 && { images }) }];
  }
  if (role !== "assistant") {
    throw new RuntimeError("INVALID", "This role is none of the protocol's.", {
      pointer: `${pointer}/role`,
    });
  }
  // Of the client's own calls those with results; what the agent called itself is put back from its run.
  const toolCalls = (message.toolCalls ?? [])
    .filter(({ id }) => !isOwnCall(id) && results.has(id))
    .map(({ id, function: { name, arguments: given } }) => ({ id, name, arguments: given }));
  if (content === "" && toolCalls.length === 0) return [];
  const told = toolCalls.map(
    ({ id }): PromptMessage => ({
      role: "tool",
      content: results.get(id) ?? "",
      toolCallId: id,
    }),
  );
  return [{ role, content, ...(toolCalls.length > 0 && { toolCalls }) }, ...told];
}

function resultOf(message: AgUiMessage): string {
  const text = textOf(message);
  return message.error == null ? text : JSON.stringify({ error: message.error, content: text });
}

function imagesOf({ content }: AgUiMessage, pointer: string): readonly ImageRef[] {
  return partsOf(content).flatMap(({ type, source }, at): readonly ImageRef[] => {
    if (type === "text") return [];
    const place = `${pointer}/content/${at}`;
    const { type: kind, value, mimeType } = isObject(source) ? source : {};
    if (type === "image" && typeof value === "string") {
      if (kind === "url") return [{ url: value, pointer: place }];
      if (kind === "data") return [{ url: `data:${mimeType};base64,${value}`, pointer: place }];
    }
    const message = "Parts of messages are text, and images as data or by url.";
    throw new RuntimeError("INVALID", message, { pointer: place });
  });
}

function partsOf(content: unknown): readonly Fields[] {
  return Array.isArray(content) ? content.slice(0, PARTS_MAX).filter(isObject) : [];
}

function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
