// Where something is said at Telegram, who says it, and where an answer goes.

import type { ChannelData, Place, Sender } from "../../../actors/channels/inbound.ts";
import { personSender } from "../person-sender.ts";
import { memberOf, textIn } from "../sent-json.ts";

/** The bot itself. */
export interface Bot {
  readonly id: number;
  /** In lower case, without @. */
  readonly username: string;
}

/** The bot that a token is of. */
export function botOf(token: string, username: string): Bot {
  return { id: Number(token.split(":", 1)[0]), username: username.toLowerCase() };
}

/** A whole number of it; null when there is none. */
export function numberIn(value: unknown, name: string): number | null {
  const number = memberOf(value, name);
  return typeof number === "number" && Number.isSafeInteger(number) ? number : null;
}

/** Where a message stands. Null: it has no chat. */
export function placeOf(message: unknown, user: string | null): Place | null {
  const chat = memberOf(message, "chat");
  const id = numberIn(chat, "id");
  if (id === null) return null;
  const topic = topicOf(message);
  return {
    conversation: String(id),
    ...(topic !== null && { thread: String(topic) }),
    ...(user !== null && { user }),
    isDirect: memberOf(chat, "type") === "private",
  };
}

// Replies in a group without topics have a thread as well: that one means nothing.
function topicOf(message: unknown): number | null {
  const isTopic = memberOf(message, "is_topic_message") === true;
  return isTopic ? numberIn(message, "message_thread_id") : null;
}

/** Who has written. A channel and an anonymous administrator speak as their chat. */
export function senderOf(message: unknown, bot: Bot): Sender | null {
  const chat = memberOf(message, "sender_chat");
  const from = chat === undefined ? memberOf(message, "from") : chat;
  const id = numberIn(from, "id");
  if (id === null) return null;
  const names = ["first_name", "last_name", "title"].map((field) => textIn(from, field, 100));
  const name = names.filter((part) => part !== null).join(" ");
  return {
    ...personSender(String(id), name),
    isBot: memberOf(from, "is_bot") === true,
    isSelf: id === bot.id,
    isAutomatic: memberOf(message, "is_automatic_forward") === true,
  };
}

/** Where an answer goes. */
export interface TelegramAddress {
  readonly chat: number;
  readonly topic: number | null;
}

/** The address of where a message stands. */
export function addressOf(message: unknown): ChannelData {
  const chat = numberIn(memberOf(message, "chat"), "id") ?? 0;
  return { chat, topic: topicOf(message) } satisfies TelegramAddress;
}

/** Where a chat is written to that has not written; null: it is no chat's id. */
export function firstTo(chat: string) {
  if (!/^-?[1-9]\d{0,15}$/.test(chat)) return null;
  return {
    conversation: chat,
    address: { chat: Number(chat), topic: null } satisfies TelegramAddress,
  };
}

/** An address as it was stored. Null: it is none of ours. */
export function addressIn(data: ChannelData): TelegramAddress | null {
  const chat = numberIn(data, "chat");
  return chat === null ? null : { chat, topic: numberIn(data, "topic") };
}
