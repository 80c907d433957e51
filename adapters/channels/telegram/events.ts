// An update of Telegram as events.

import type { IdentityEvent, Inbound } from "../../../actors/channels/inbound.ts";
import type { ChannelResponse, Parked } from "../adapter.ts";
import { personSender } from "../person-sender.ts";
import { memberOf, textIn } from "../sent-json.ts";
import { contentOf } from "./content.ts";
import { addressOf, type Bot, numberIn, placeOf, senderOf } from "./place.ts";

/** What an update says. */
export interface Understood {
  readonly events: readonly Inbound[];
  readonly parked: readonly Parked[];
  /** Said to Telegram with the acknowledgement. */
  readonly ack: ChannelResponse;
}

/** What a press may say: as `Button.action` is given. */
const ACTION = /^[A-Za-z0-9_.:-]{1,64}$/;
const OK: ChannelResponse = { status: 200, body: "" };

/** What an update says. @returns null when it is none. */
export function understood(update: unknown, bot: Bot, nowMs: number): Understood | null {
  const id = numberIn(update, "update_id");
  if (id === null) return null;
  const nothing = { events: [], parked: [], ack: OK };
  const query = memberOf(update, "callback_query");
  if (query !== undefined) return pressed(query, { update: id, bot, nowMs });
  const said = memberOf(update, "message") ?? memberOf(update, "channel_post");
  const edited = memberOf(update, "edited_message") ?? memberOf(update, "edited_channel_post");
  const message = said ?? edited;
  if (message === undefined) return nothing;
  const moved = movedTo(message, id);
  if (moved !== null) return { ...nothing, events: [moved] };
  const event = saidIn(message, { id, bot, isEdit: said === undefined });
  if (event === undefined) return nothing;
  if (event !== null) return { ...nothing, events: [event] };
  const reason = "The message has no id, no chat, no sender or no date.";
  return { ...nothing, parked: [{ reason, raw: JSON.stringify(update).slice(0, 4_000) }] };
}

// Undefined: nobody has said anything. Null: it makes no sense.
function saidIn(
  message: unknown,
  of: { readonly id: number; readonly bot: Bot; readonly isEdit: boolean },
): Inbound | null | undefined {
  const sender = senderOf(message, of.bot);
  const number = numberIn(message, "message_id");
  const seconds = numberIn(message, of.isEdit ? "edit_date" : "date");
  const place = placeOf(message, sender?.id ?? null);
  if (sender === null || number === null || seconds === null || place === null) return null;
  const content = contentOf(message, of.bot);
  if (content === null || content.isForAnother) return undefined;
  const name = messageName(place.conversation, number);
  const base = {
    place,
    address: addressOf(message),
    sender,
    atMs: seconds * 1_000,
  };
  if (of.isEdit) {
    const dedupe = [`u:${of.id}`, `e:${name}:${seconds}`];
    return { ...base, kind: "edit", dedupe, message: name, text: content.text };
  }
  const dedupe = [`u:${of.id}`, `m:${name}`];
  const { command, files, text, isMention } = content;
  if (command !== null && files.length === 0) {
    // What opens a chat with a bot: it says what can be done there.
    const isOpening = command.name === "start" && command.text === "";
    return { ...base, ...command, kind: "command", dedupe, ...(isOpening && { name: "help" }) };
  }
  const answers = numberIn(memberOf(message, "reply_to_message"), "message_id");
  return {
    ...base,
    kind: "message",
    dedupe,
    message: name,
    text,
    ...(files.length > 0 && { files }),
    ...(isMention && { isMention }),
    ...(answers !== null && { answers: messageName(place.conversation, answers) }),
  };
}

/** A message's number counts in its chat: the chat belongs to its name. */
export function messageName(chat: string | number, number: number): string {
  return `${chat}/${number}`;
}

/** The number within a message's name; null when it is none of ours. */
export function numberOf(name: string): number | null {
  const number = /^-?[0-9]+\/([0-9]{1,15})$/.exec(name)?.[1];
  return number === undefined ? null : Number(number);
}

// The answer tells Telegram that the press has arrived, once it is on disk: the button stops waiting.
function pressed(
  query: unknown,
  { update, bot, nowMs }: { readonly update: number; readonly bot: Bot; readonly nowMs: number },
): Understood {
  const id = textIn(query, "id", 100);
  const message = memberOf(query, "message");
  const sender = senderOf({ from: memberOf(query, "from") }, bot);
  const place = placeOf(message, sender?.id ?? null);
  const number = numberIn(message, "message_id");
  const action = textIn(query, "data", 100) ?? "";
  if (id === null || sender === null || place === null || number === null) {
    const reason = "The press of a button names no sender or no message.";
    const raw = JSON.stringify(query).slice(0, 4_000);
    return { events: [], parked: [{ reason, raw }], ack: OK };
  }
  const ack: ChannelResponse = {
    status: 200,
    contentType: "application/json",
    body: JSON.stringify({ method: "answerCallbackQuery", callback_query_id: id }),
  };
  if (!ACTION.test(action)) return { events: [], parked: [], ack };
  const event: Inbound = {
    kind: "action",
    action,
    message: messageName(place.conversation, number),
    dedupe: [`u:${update}`, `q:${id}`],
    place,
    address: addressOf(message),
    sender,
    // A press has no time of its own.
    atMs: nowMs,
  };
  return { events: [event], parked: [], ack };
}

// A group that became a supergroup: the same people under another id, told in both.
function movedTo(message: unknown, update: number): IdentityEvent | null {
  const chat = numberIn(memberOf(message, "chat"), "id");
  const to = numberIn(message, "migrate_to_chat_id");
  const from = numberIn(message, "migrate_from_chat_id");
  if (chat === null || (to === null && from === null)) return null;
  const [before, after] = [String(from ?? chat), String(to ?? chat)];
  return {
    kind: "identity",
    of: "conversation",
    from: before,
    to: after,
    dedupe: [`u:${update}`, `i:${before}:${after}`],
    place: { conversation: before, isDirect: false },
    address: { chat: Number(after), topic: null },
    sender: { ...personSender(after), isAutomatic: true },
    atMs: (numberIn(message, "date") ?? 0) * 1_000,
  };
}
