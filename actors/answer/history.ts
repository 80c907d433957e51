// The messages of a run: what is to be answered, and as much of the conversation before it as fits
// the model's window. The whole conversation stays stored; only the prompt is cut, oldest first.
// Records up to the pinned sequence never change, so a run that is resumed reads the same again.

import type { RunContext } from "../../runtime/actor.ts";
import { addressParts } from "../../runtime/address.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { limits } from "../limits.ts";
import type { Ports, PromptMessage } from "../ports.ts";
import { type CompletionMessage, type MessageRecord, messageKey } from "../records/conversation.ts";
import { type Picture, pictureUrl, tellingOf } from "../records/picture.ts";
import { ownerOf, sentKey, type TurnReference } from "../turn-input.ts";

/** Tokens of one message's frame (role and separators), beside its text. */
const MESSAGE_TOKENS = 4;

/**
 * Estimated tokens of a text: UTF-8 bytes by four, but at least one for each character outside
 * Latin scripts, where tokenizers come close to one token a character.
 */
export function tokensOf(text: string): number {
  let bytes = 0;
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    bytes += unit < 0x80 ? 1 : unit < 0x800 ? 2 : 4;
  }
  return Math.ceil(bytes / 4);
}

/** Estimated tokens of a message in a prompt. */
export function messageTokens(message: PromptMessage): number {
  const text = tokensOf(message.content) + MESSAGE_TOKENS;
  if (message.role === "user") return text + (message.images?.length ?? 0) * limits.imageTokens;
  if (message.role !== "assistant") return text;
  const calls = message.toolCalls ?? [];
  return calls.reduce((sum, call) => sum + tokensOf(call.name + call.arguments), text);
}

/** What a run is to answer. */
export interface Asked {
  /** The message, or all merged ones with a line between. */
  readonly text: string;
  /** Pictures that were sent along, oldest first. */
  readonly images?: readonly Picture[];
  /** Typed input of a workflow, of the last of merged messages. */
  readonly data?: Readonly<Record<string, unknown>>;
  /** The user's previous message and who answered it, for routing. */
  readonly previous?: string;
  readonly previousChoice?: string | null;
  /** Id of the message, of the last of merged ones. */
  readonly messageId?: string;
  /** A stateless completion as sent. */
  readonly sent?: CompletionMessage;
}

/** Reads what the run is to answer. @throws NOT_FOUND when the conversation was deleted meanwhile. */
export async function loadAsked(
  context: RunContext<Ports>,
  reference: TurnReference,
): Promise<Asked> {
  if (reference.owner === "completion") return loadSent(context, reference);
  const { sequences } = reference;
  const first = sequences[0] ?? 1;
  const { steered = [] } = reference;
  const last = Math.max(first, ...sequences, ...steered);
  const owner = ownerOf(context.self, "conversation");
  const [own, before] = await Promise.all([
    context.records(owner, {
      from: messageKey(first),
      to: messageKey(last + 1),
      limit: 2 * limits.conversationWaiting + 2,
    }),
    first > 1 ? page(context, reference, first, 2) : [],
  ]);
  const wanted = new Set(sequences);
  const messages = own
    .map((row) => row.value as MessageRecord)
    .filter((message) => wanted.has(message.sequence));
  const shown = own.filter(({ value }) => steered.includes((value as MessageRecord).sequence));
  const images = [...messages, ...shown.map(({ value }) => value as MessageRecord)].flatMap(
    (message) => message.images ?? [],
  );
  const text = messages.map((message) => message.content).join("\n");
  if (text === "") {
    throw new RuntimeError(
      "NOT_FOUND",
      "The message to answer is gone: its conversation was deleted.",
    );
  }
  const previous = before.find((message) => message.role === "user")?.content;
  const answered = before.find((message) => message.role === "assistant")?.routing_info;
  const { id: messageId, data } = messages.at(-1) ?? {};
  return {
    text,
    ...(images.length > 0 && { images }),
    ...(data === undefined ? {} : { data }),
    ...(messageId === undefined ? {} : { messageId }),
    ...(previous === undefined ? {} : { previous }),
    ...(answered === undefined ? {} : { previousChoice: answered.sub_agent_key }),
  };
}

/** The text of a steered message. */
export async function loadMessage(
  context: RunContext<Ports>,
  sequence: number,
): Promise<MessageRecord | undefined> {
  const rows = await context.records(ownerOf(context.self, "conversation"), {
    from: messageKey(sequence),
    to: messageKey(sequence + 1),
    limit: 1,
  });
  return rows[0]?.value as MessageRecord | undefined;
}

/** Pictures that a prompt has room for. */
export interface PictureRoom {
  /** Whether who reads it can see any. */
  readonly sees: boolean;
  readonly left: number;
}

/** A user's message with as many of its pictures as there is room for, the last ones: its text says so. */
export function withPictures(
  content: string,
  images: readonly Picture[],
  { conversation, room, why }: { conversation: string; room: PictureRoom; why: string },
): PromptMessage & { readonly role: "user" } {
  const shown = room.sees && room.left > 0 ? images.slice(-room.left) : [];
  const what = room.sees ? why : "which you cannot see";
  const text = tellingOf(content, images.length - shown.length, what);
  if (shown.length === 0) return { role: "user", content: text };
  const refs = shown.map(({ id }) => ({ url: pictureUrl(conversation, id) }));
  return { role: "user", content: text, images: refs };
}

/**
 * History for a prompt, oldest first: the newest messages before the first one to answer that fit
 * into `budget` tokens. Read backwards page by page, only as far as needed. Pictures that a provider may have
 * refused are not sent again: the conversation goes on without them.
 */
export async function loadHistory(
  context: RunContext<Ports>,
  reference: TurnReference,
  budget: number,
  pictures?: PictureRoom,
): Promise<readonly PromptMessage[]> {
  const { root: conversation } = addressParts(context.self);
  let before = reference.sequences[0] ?? 1;
  let left = budget;
  let picturesLeft = pictures?.left ?? 0;
  let isRefused = false;
  const newestFirst: PromptMessage[] = [];
  while (before > 1 && newestFirst.length < limits.historyMessages) {
    const messages = await page(context, reference, before, limits.historyPage);
    for (const record of messages) {
      before = record.sequence;
      const { role, content, images = [] } = record;
      if (role === "assistant") isRefused = record.error?.code === "PROVIDER_FAILED";
      if (content === "") continue;
      const room = pictures && { ...pictures, left: isRefused ? 0 : picturesLeft };
      const message: PromptMessage =
        role === "user" && room !== undefined && images.length > 0
          ? withPictures(content, images, { conversation, room, why: "sent before" })
          : { role, content };
      left -= messageTokens(message);
      if (left < 0) return trimmed(newestFirst);
      if (message.role === "user") picturesLeft -= message.images?.length ?? 0;
      newestFirst.push(message);
    }
    if (messages.length < limits.historyPage) break;
  }
  return trimmed(newestFirst);
}

/**
 * The messages of a completion that fit, oldest dropped first; the user's last one always stays with all
 * that follows it, and no result of a tool stays without its call.
 */
export function fitSent(
  messages: readonly PromptMessage[],
  budget: number,
): readonly PromptMessage[] {
  const last = messages.findLastIndex(({ role }) => role === "user");
  const always = last === -1 ? messages.length - 1 : last;
  let left = budget;
  let from = messages.length;
  while (from > 0) {
    const message = messages[from - 1];
    if (message === undefined) break;
    left -= messageTokens(message);
    if (left < 0 && from <= always) break;
    from -= 1;
  }
  while (messages[from]?.role === "tool") from += 1;
  return messages.slice(from);
}

/** A window never opens with an answer whose question was cut off. */
function trimmed(newestFirst: readonly PromptMessage[]): readonly PromptMessage[] {
  const oldestFirst = [...newestFirst].reverse();
  return oldestFirst[0]?.role === "assistant" ? oldestFirst.slice(1) : oldestFirst;
}

/** The message before the first one to answer; undefined: there is none. */
export async function loadPrevious(
  context: RunContext<Ports>,
  reference: TurnReference,
): Promise<MessageRecord | undefined> {
  const [before] = await page(context, reference, reference.sequences[0] ?? 1, 1);
  return before;
}

async function page(
  context: RunContext<Ports>,
  reference: TurnReference,
  before: number,
  limit: number,
): Promise<readonly MessageRecord[]> {
  const rows = await context.records(ownerOf(context.self, reference.owner), {
    from: messageKey(0),
    to: messageKey(before),
    limit,
    reverse: true,
  });
  return rows.map((row) => row.value as MessageRecord);
}

async function loadSent(context: RunContext<Ports>, reference: TurnReference): Promise<Asked> {
  const rows = await context.records(ownerOf(context.self, reference.owner), {
    from: sentKey,
    to: `${sentKey}_`,
    limit: 1,
  });
  const sent = rows[0]?.value as CompletionMessage | undefined;
  if (sent === undefined)
    throw new RuntimeError("NOT_FOUND", "The completion's messages are gone.");
  const users = sent.messages.filter((message) => message.role === "user");
  const text = users.at(-1)?.content ?? "";
  const previous = users.at(-2)?.content;
  const { data } = sent;
  return {
    text,
    sent,
    ...(data === undefined ? {} : { data }),
    ...(previous === undefined ? {} : { previous }),
  };
}
