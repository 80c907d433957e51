// What the Gateway tells of messages (docs.discord.com/developers/events/gateway-events), said in the server's
// words. Pure but for the authors, who are remembered because a deletion does not name them.

import type { Inbound, Place, Sender } from "../../../actors/channels/inbound.ts";
import { channelLimits } from "../../../actors/channels/limits.ts";
import { wellFormed } from "../hidden-secrets.ts";
import { personSender } from "../person-sender.ts";
import { listIn, memberOf, textIn } from "../sent-json.ts";
import { filesIn } from "./incoming-files.ts";
import { discordLimits } from "./limits.ts";
import { addressData, idIn, timeOf } from "./place.ts";
import type { DiscordSelf } from "./self.ts";

/** Types of messages that somebody has written: plain, an answer, answers to commands. */
const written: readonly unknown[] = [0, 19, 20, 23];

/** What events are read with. */
export interface EventParts {
  readonly self: DiscordSelf;
  readonly authors: Authors;
}

/** Who has written the last messages: bounded. */
export class Authors {
  readonly #of = new Map<string, Sender>();

  get(message: string): Sender | undefined {
    return this.#of.get(message);
  }

  note(message: string, sender: Sender): void {
    this.#of.delete(message);
    if (this.#of.size >= discordLimits.authors) {
      for (const oldest of this.#of.keys()) {
        this.#of.delete(oldest);
        break;
      }
    }
    this.#of.set(message, sender);
  }
}

/** Reads an event. What is no message is nothing. */
export function readEvent(name: string | null, data: unknown, parts: EventParts): Inbound[] {
  switch (name) {
    case "MESSAGE_CREATE":
      return readMessage(data, parts);
    case "MESSAGE_UPDATE":
      return readChange(data, parts);
    case "MESSAGE_DELETE":
      return readDeletion(data, idIn(data, "id"), parts);
    case "MESSAGE_DELETE_BULK":
      return listIn(data, "ids")
        .slice(0, discordLimits.deletions)
        .flatMap((id) => readDeletion(data, idIn({ id }, "id"), parts));
    default:
      return [];
  }
}

function readMessage(data: unknown, { self, authors }: EventParts): Inbound[] {
  const [id, channel, sender] = [idIn(data, "id"), idIn(data, "channel_id"), senderOf(data, self)];
  if (id === null || channel === null || sender === null) return [];
  if (!written.includes(memberOf(data, "type") ?? 0)) return [];
  authors.note(id, sender);
  const files = filesIn(data);
  const answered = idIn(memberOf(data, "message_reference"), "message_id");
  return [
    {
      kind: "message",
      dedupe: [`discord:${id}/message`],
      place: placeOf(data, channel, sender),
      address: addressData({ channel, after: id, interaction: null }),
      sender,
      atMs: timeOf(id),
      message: id,
      text: readableText(data, self),
      isMention: namesBot(data, self),
      ...(files.length > 0 && { files }),
      ...(answered !== null && { answers: answered }),
    },
  ];
}

function readChange(data: unknown, { self, authors }: EventParts): Inbound[] {
  const [id, channel] = [idIn(data, "id"), idIn(data, "channel_id")];
  // Links that unfold and threads that grow change a message, and nothing that was said.
  const editedAt = textIn(data, "edited_timestamp", 60);
  if (id === null || channel === null || editedAt === null) return [];
  const sender = senderOf(data, self) ?? authors.get(id) ?? null;
  if (sender === null || typeof memberOf(data, "content") !== "string") return [];
  return [
    {
      kind: "edit",
      dedupe: [`discord:${id}/edit/${editedAt}`],
      place: placeOf(data, channel, sender),
      address: addressData({ channel, after: id, interaction: null }),
      sender,
      atMs: timeOr(editedAt, timeOf(id)),
      message: id,
      text: readableText(data, self),
    },
  ];
}

function readDeletion(data: unknown, id: string | null, { authors }: EventParts): Inbound[] {
  const channel = idIn(data, "channel_id");
  if (id === null || channel === null) return [];
  const sender = authors.get(id) ?? nobody;
  return [
    {
      kind: "delete",
      dedupe: [`discord:${id}/delete`],
      place: placeOf(data, channel, sender),
      address: addressData({ channel, after: id, interaction: null }),
      sender,
      atMs: timeOf(id),
      message: id,
    },
  ];
}

/** Whoever has written a message of which we know nothing. */
const nobody: Sender = { ...personSender("unknown"), isVerified: false };

function placeOf(data: unknown, channel: string, sender: Sender): Place {
  const isDirect = idIn(data, "guild_id") === null;
  return { conversation: channel, isDirect, ...(sender !== nobody && { user: sender.id }) };
}

function senderOf(data: unknown, self: DiscordSelf): Sender | null {
  const author = memberOf(data, "author");
  const id = idIn(author, "id");
  if (id === null) return null;
  const isHook = idIn(data, "webhook_id") !== null;
  const nick = textIn(memberOf(data, "member"), "nick", 200);
  const name = nick ?? textIn(author, "global_name", 200) ?? textIn(author, "username", 200);
  return {
    id,
    isBot: isHook || memberOf(author, "bot") === true,
    isSelf: id === self.id,
    isAutomatic: memberOf(author, "system") === true,
    isVerified: true,
    ...(name !== null && { name }),
  };
}

/** Named, or answered: an answer that calls nobody is meant for us all the same. */
function namesBot(data: unknown, self: DiscordSelf): boolean {
  const isUs = (user: unknown) => self.id !== null && idIn(user, "id") === self.id;
  const answered = memberOf(memberOf(data, "referenced_message"), "author");
  return isUs(answered) || listIn(data, "mentions").some(isUs);
}

/** The text as it reads; naming the bot first is addressing it, and no part of what is said. */
function readableText(data: unknown, self: DiscordSelf): string {
  const text = wellFormed(textIn(data, "content", channelLimits.textChars) ?? "");
  const names = new Map(
    listIn(data, "mentions").flatMap((user) => {
      const id = idIn(user, "id");
      const name = textIn(user, "global_name", 200) ?? textIn(user, "username", 200);
      return id === null || name === null ? [] : [[id, name] as const];
    }),
  );
  const address = self.id === null ? null : new RegExp(`^(?:\\s*<@!?${self.id}>[\\s,:]*)+`);
  const said = address === null ? text : text.replace(address, "");
  return said
    .replaceAll(/<@!?(\d{1,20})>/g, (mark, id: string) =>
      names.has(id) ? `@${names.get(id)}` : mark,
    )
    .replaceAll(/<a?(:\w{1,64}:)\d{1,20}>/g, "$1")
    .trim();
}

function timeOr(text: string, otherwise: number): number {
  const ms = Date.parse(text);
  return Number.isFinite(ms) ? ms : otherwise;
}
