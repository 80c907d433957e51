// What a client says in a message: text and data that an agent takes, and decisions about what it asked.

import { type Message, Role } from "@a2a-js/sdk";
import { ContentTypeNotSupportedError, RequestMalformedError } from "@a2a-js/sdk/errors";
import type { TargetKind } from "../../actors/targets.ts";
import { MESSAGE_CHARS_MAX } from "../http/services/chat.ts";

type Data = Readonly<Record<string, unknown>>;

/** What is asked of the agent. */
export interface Said {
  readonly text: string;
  /** Typed input of a workflow. */
  readonly data?: Data;
}

/** What a client has decided about an approval. */
export interface Decision {
  /** Which of them; null: the only one. */
  readonly approval: string | null;
  readonly decision: "approve" | "reject";
  readonly note?: string;
  readonly arguments?: Data;
}

const MESSAGE_ID_CHARS_MAX = 200;
const NOTE_CHARS_MAX = 2_000;
const words: Readonly<Record<string, Decision["decision"]>> = {
  approve: "approve",
  approved: "approve",
  yes: "approve",
  reject: "reject",
  rejected: "reject",
  no: "reject",
};

/** @throws RequestMalformedError for a message that cannot be told from others, or that is no user's. */
export function checkMessage(message: Message | undefined): Message {
  const id = message?.messageId ?? "";
  if (message === undefined || id === "" || id.length > MESSAGE_ID_CHARS_MAX) {
    const most = `message.messageId has 1 to ${MESSAGE_ID_CHARS_MAX} characters.`;
    throw new RequestMalformedError(most);
  }
  if (message.role !== Role.ROLE_USER) {
    throw new RequestMalformedError(
      "message.role is ROLE_USER: a message of a client is a user's.",
    );
  }
  if (message.parts.length > 0) return message;
  throw new RequestMalformedError("message.parts must hold a part.");
}

/** @throws ContentTypeNotSupportedError for files, RequestMalformedError for nothing said. */
export function saidIn(message: Message, kind: TargetKind): Said {
  const [only] = message.parts;
  if (kind === "workflow" && message.parts.length === 1 && only?.content?.$case === "data") {
    const data: unknown = only.content.value;
    if (isObject(data)) return { text: bounded(JSON.stringify(data)), data };
    throw new RequestMalformedError("The data that a workflow takes is a JSON object.");
  }
  const texts = message.parts.map(({ content, filename }) => {
    if (content?.$case === "text") return content.value;
    if (content?.$case === "data") return JSON.stringify(content.value);
    const what = filename === "" ? "a file" : `the file ${filename.slice(0, 80)}`;
    throw new ContentTypeNotSupportedError(`Parts are text or data; ${what} is not taken.`);
  });
  const text = texts.join("\n");
  if (text.trim() !== "") return { text: bounded(text) };
  throw new RequestMalformedError("The message says nothing.");
}

/** @throws RequestMalformedError, saying what is understood. */
export function decisionIn(message: Message): Decision {
  for (const { content } of message.parts) {
    if (content?.$case !== "data" || !isObject(content.value)) continue;
    const { decision, approval_id: approval, note, arguments: given } = content.value;
    if (decision !== "approve" && decision !== "reject") break;
    return {
      approval: typeof approval === "string" ? approval : null,
      decision,
      ...(typeof note === "string" && { note: note.slice(0, NOTE_CHARS_MAX) }),
      ...(isObject(given) && { arguments: given }),
    };
  }
  const text = message.parts.map(({ content }) => (content?.$case === "text" ? content.value : ""));
  const word = text.join(" ").trim().toLowerCase();
  const decision = Object.hasOwn(words, word) ? words[word] : undefined;
  if (decision !== undefined) return { approval: null, decision };
  throw new RequestMalformedError(
    'The task waits for a decision: send the text "approve" or "reject", or data {"decision", "approval_id"?, "note"?, "arguments"?}.',
  );
}

function bounded(text: string): string {
  if (text.length <= MESSAGE_CHARS_MAX) return text;
  throw new RequestMalformedError(`A message has at most ${MESSAGE_CHARS_MAX} characters.`);
}

function isObject(value: unknown): value is Data {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
