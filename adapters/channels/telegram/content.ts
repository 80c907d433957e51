// What a message of Telegram says, as text and files; what has no words is told in brackets.

import type { FileRef } from "../../../actors/channels/inbound.ts";
import { channelLimits } from "../../../actors/channels/limits.ts";
import { fieldsOf, listIn, memberOf, textIn } from "../sent-json.ts";
import { type Bot, numberIn } from "./place.ts";

/** What a message says. */
export interface Content {
  readonly text: string;
  readonly files: readonly FileRef[];
  /** The bot is named in it, or answered. */
  readonly isMention: boolean;
  /** It begins with a command for the bot: what stands behind the slash, and the rest. */
  readonly command: { readonly name: string; readonly text: string } | null;
  /** It begins with a command for another bot. */
  readonly isForAnother: boolean;
}

const FILES = ["document", "audio", "voice", "video", "video_note", "sticker"];
const DEFAULT_TYPES: Readonly<Record<string, string>> = {
  photo: "image/jpeg",
  audio: "audio/mpeg",
  voice: "audio/ogg",
  video: "video/mp4",
  video_note: "video/mp4",
  sticker: "image/webp",
};

/** The content of a message. Null: nobody has said anything (somebody joined, a title changed). */
export function contentOf(message: unknown, bot: Bot): Content | null {
  const said = textIn(message, "text", channelLimits.textChars);
  const text = said ?? textIn(message, "caption", channelLimits.textChars) ?? "";
  const entities = listIn(message, said === null ? "caption_entities" : "entities");
  const files = filesOf(message);
  const told = toldOf(message);
  if (text === "" && files.length === 0 && told === null) return null;
  const command = commandOf(text, entities, bot);
  const words = [withLinks(text, entities), told, forwardOf(message)];
  return {
    text: words.filter((part) => part !== null && part !== "").join("\n\n"),
    files,
    isMention: isNamed(text, entities, bot) || isAnswered(message, bot) || command.isOurs,
    command: command.given,
    isForAnother: command.isAnothers,
  };
}

function filesOf(message: unknown): FileRef[] {
  // Sizes of one photo, the largest last.
  const photo = listIn(message, "photo").at(-1);
  const found = FILES.map((kind) => fileOf(kind, memberOf(message, kind)));
  return [fileOf("photo", photo), ...found].filter((file) => file !== null);
}

function fileOf(kind: string, file: unknown): FileRef | null {
  const id = textIn(file, "file_id", 300);
  if (id === null) return null;
  const unique = textIn(file, "file_unique_id", 100) ?? id.slice(0, 100);
  const mediaType =
    textIn(file, "mime_type", 200) ?? DEFAULT_TYPES[kind] ?? "application/octet-stream";
  const extension =
    mediaType
      .split("/")[1]
      ?.replaceAll(/[^a-z0-9]/g, "")
      .slice(0, 10) ?? "bin";
  const given = textIn(file, "file_name", 200)?.split(/[\\/]/).at(-1);
  const name = given?.replaceAll(/\p{Cc}/gu, "").trim() ?? "";
  return {
    id: unique,
    name: name === "" || name === "." || name === ".." ? `${kind}-${unique}.${extension}` : name,
    mediaType,
    bytes: numberIn(file, "file_size"),
    at: { file: id },
  };
}

function toldOf(message: unknown): string | null {
  const venue = memberOf(message, "venue");
  const location = memberOf(message, "location");
  if (fieldsOf(location) !== null) {
    const names = [textIn(venue, "title", 200), textIn(venue, "address", 300)];
    const where = [memberOf(location, "latitude"), memberOf(location, "longitude")];
    return `[Location: ${[...names, ...where].filter((one) => one !== null).join(", ")}]`;
  }
  const contact = memberOf(message, "contact");
  if (fieldsOf(contact) !== null) {
    const words = ["first_name", "last_name", "phone_number"].map((name) => textIn(contact, name));
    return `[Contact: ${words.filter((word) => word !== null).join(" ")}]`;
  }
  const question = textIn(memberOf(message, "poll"), "question", 500);
  if (question !== null) return `[Poll: ${question}]`;
  const emoji = textIn(memberOf(message, "dice"), "emoji", 20);
  return emoji === null ? null : `[${emoji} ${numberIn(memberOf(message, "dice"), "value")}]`;
}

function forwardOf(message: unknown): string | null {
  return fieldsOf(memberOf(message, "forward_origin")) === null ? null : "[Forwarded]";
}

/** An entity: offsets count UTF-16 units, as strings do here. */
interface Entity {
  readonly type: string;
  readonly from: number;
  readonly to: number;
  readonly whole: unknown;
}

function entitiesOf(text: string, entities: readonly unknown[]): Entity[] {
  return entities.flatMap((whole) => {
    const [type, from, length] = [
      textIn(whole, "type", 40),
      numberIn(whole, "offset"),
      numberIn(whole, "length"),
    ];
    if (type === null || from === null || length === null) return [];
    if (from < 0 || length < 1 || from + length > text.length) return [];
    return [{ type, from, to: from + length, whole }];
  });
}

// Where a word leads to is said behind it: the text alone would not have it.
function withLinks(text: string, entities: readonly unknown[]): string {
  const links = entitiesOf(text, entities).flatMap(({ type, to, whole }) => {
    const url = type === "text_link" ? textIn(whole, "url", 2_000) : null;
    return url === null ? [] : [{ to, url }];
  });
  let out = text;
  for (const { to, url } of links.sort((a, b) => b.to - a.to)) {
    out = `${out.slice(0, to)} (${url})${out.slice(to)}`;
  }
  return out.slice(0, channelLimits.textChars);
}

function isNamed(text: string, entities: readonly unknown[], bot: Bot): boolean {
  return entitiesOf(text, entities).some(({ type, from, to, whole }) => {
    if (type === "text_mention") return numberIn(memberOf(whole, "user"), "id") === bot.id;
    return type === "mention" && text.slice(from + 1, to).toLowerCase() === bot.username;
  });
}

function isAnswered(message: unknown, bot: Bot): boolean {
  return numberIn(memberOf(memberOf(message, "reply_to_message"), "from"), "id") === bot.id;
}

// "/new@our_bot and more": in groups a command may name whom it is for.
function commandOf(text: string, entities: readonly unknown[], bot: Bot) {
  const nothing = { given: null, isOurs: false, isAnothers: false };
  const first = entitiesOf(text, entities).find(
    ({ type, from }) => type === "bot_command" && from === 0,
  );
  if (first === undefined) return nothing;
  const [name = "", whom] = text.slice(1, first.to).toLowerCase().split("@", 2);
  if (whom !== undefined && whom !== bot.username) return { ...nothing, isAnothers: true };
  const given = { name, text: text.slice(first.to).trim() };
  return { given, isOurs: whom !== undefined, isAnothers: false };
}
