// What an activity says, in the server's words: messages, edits, deletions and presses of our buttons. Pure:
// what is a repeat, and what is answered, others decide.

import { createHash } from "node:crypto";
import type { Inbound, Sender } from "../../../actors/channels/inbound.ts";
import { channelLimits } from "../../../actors/channels/limits.ts";
import { personSender } from "../person-sender.ts";
import { type Fields, fieldsOf, listIn, memberOf, textIn } from "../sent-json.ts";
import { filesOf } from "./files.ts";
import { teamsLimits } from "./limits.ts";
import { placeOf } from "./place.ts";

/** Member of a button's data that is ours. */
export const ACTION_MEMBER = "troupe";
/** Ids of programs begin so, before the app's id. */
const BOT_PREFIX = "28:";

/** What events are read with. */
export interface EventParts {
  readonly appId: string;
  readonly fileHosts: readonly string[];
  readonly serviceHosts: readonly string[];
  readonly nowMs: () => number;
}

/** Reads an activity; null: it holds nothing for us. */
export function readActivity(activity: Fields, parts: EventParts): Inbound | null {
  const type = textIn(activity, "type", 40);
  const pressed = actionOf(activity);
  if (pressed !== null && (type === "message" || type === "invoke")) {
    return readAction(activity, pressed, parts);
  }
  if (type === "message") return readMessage(activity, parts);
  if (type === "messageUpdate") return readChange(activity, parts);
  if (type === "messageDelete") return readDeletion(activity, parts);
  return null;
}

type Base = Pick<Inbound, "place" | "address" | "sender" | "atMs"> & {
  readonly id: string;
  readonly key: string;
};

function baseOf(activity: Fields, { appId, nowMs }: EventParts): Base | null {
  const at = placeOf(activity);
  const id = textIn(activity, "id", 201);
  if (at === null || id === null || id.length > 200) return null;
  const from = memberOf(activity, "from");
  const said = Date.parse(textIn(activity, "timestamp", 60) ?? "");
  const user = at.place.user ?? "";
  const alias = textIn(from, "aadObjectId", 100);
  const name = textIn(from, "name", 200);
  const sender: Sender = {
    ...personSender(user, name),
    ...(alias !== null && { aliases: [alias] }),
    isBot: user.startsWith(BOT_PREFIX) || textIn(from, "role", 20) === "bot",
    isSelf: user === `${BOT_PREFIX}${appId}`,
  };
  const key = `teams:${hashOf(at.place.conversation)}/${id}`;
  return { ...at, sender, id, key, atMs: Number.isFinite(said) ? said : nowMs() };
}

function readMessage(activity: Fields, parts: EventParts): Inbound | null {
  const base = baseOf(activity, parts);
  if (base === null) return null;
  const { id, key, ...event } = base;
  const text = readableText(activity);
  const files = filesOf(activity, parts);
  // What was not answered in time comes again under another id; short words people say twice.
  const isLong = text.length >= teamsLimits.repeatChars;
  const answers = textIn(activity, "replyToId", 200);
  return {
    ...event,
    dedupe: [`${key}/message`, ...(isLong ? repeatKeys(base, `message ${text}`, parts) : [])],
    ...{ kind: "message", message: id, text, isMention: namesBot(activity) },
    ...(files.length > 0 && { files }),
    ...(answers !== null && { answers }),
  };
}

function readChange(activity: Fields, parts: EventParts): Inbound | null {
  const base = baseOf(activity, parts);
  if (base === null || memberOf(activity, "text") === undefined) return null;
  const { id, key, ...event } = base;
  const text = readableText(activity);
  const at = `${textIn(activity, "timestamp", 60) ?? ""} ${text}`;
  return {
    ...event,
    dedupe: [`${key}/edit/${hashOf(at)}`],
    ...{ kind: "edit", message: id, text },
  };
}

function readDeletion(activity: Fields, parts: EventParts): Inbound | null {
  const base = baseOf(activity, parts);
  if (base === null) return null;
  const { id, key, ...event } = base;
  return { ...event, dedupe: [`${key}/delete`], kind: "delete", message: id };
}

function readAction(activity: Fields, action: string, parts: EventParts): Inbound | null {
  const base = baseOf(activity, parts);
  if (base === null) return null;
  const { id: _, key, ...event } = base;
  const message = textIn(activity, "replyToId", 200);
  const pressed = repeatKeys(base, `action ${message ?? ""} ${action}`, parts);
  return {
    ...event,
    dedupe: [`${key}/action`, ...pressed],
    ...{ kind: "action", action },
    ...(message !== null && { message }),
  };
}

/** What a button of ours has sent: of Action.Submit the value, of Action.Execute the action's data. */
function actionOf(activity: Fields): string | null {
  const value = memberOf(activity, "value");
  const data = fieldsOf(memberOf(memberOf(value, "action"), "data")) ?? value;
  return textIn(data, ACTION_MEMBER, 200);
}

/**
 * By which the same comes again under another id: who said what, where, in which stretch of time. Two stretches
 * that follow each other, so that a repeat shares one of them wherever the border lies.
 */
function repeatKeys({ place, sender }: Base, what: string, { nowMs }: EventParts): string[] {
  const stretch = Math.floor(nowMs() / teamsLimits.repeatMs);
  const said = hashOf(JSON.stringify([place.conversation, place.thread ?? "", sender.id, what]));
  return [`teams:repeat/${stretch}/${said}`, `teams:repeat/${stretch + 1}/${said}`];
}

function hashOf(text: string): string {
  return createHash("sha256").update(text).digest("base64url");
}

/** Mentions of us, as the activity lists them. */
function ourMentions(activity: Fields): readonly unknown[] {
  const bot = textIn(memberOf(activity, "recipient"), "id", 501);
  return listIn(activity, "entities").filter(
    (one) =>
      textIn(one, "type", 40) === "mention" &&
      bot !== null &&
      textIn(memberOf(one, "mentioned"), "id", 501) === bot,
  );
}

function namesBot(activity: Fields): boolean {
  return ourMentions(activity).length > 0;
}

/** The text as it reads: naming the bot first is addressing it, others are named without their tags. */
function readableText(activity: Fields): string {
  let text = (textIn(activity, "text", channelLimits.textChars) ?? "").trimStart();
  for (const mention of ourMentions(activity).slice(0, 10)) {
    const named = textIn(mention, "text", 500);
    if (named !== null && text.startsWith(named)) {
      text = text.slice(named.length).replace(/^(?:&nbsp;|[\s,:])+/, "");
    }
  }
  return unescaped(text.replaceAll(/<at(?:\s[^<>]*)?>([^<>]*)<\/at>/g, "@$1")).trim();
}

/** Teams writes what is no letter as entities, in plain texts too. */
function unescaped(text: string): string {
  return text
    .replaceAll("&nbsp;", " ")
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&quot;", '"')
    .replaceAll("&#39;", "'")
    .replaceAll("&amp;", "&");
}
