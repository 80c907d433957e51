// One item of `messages` of a webhook as events: who says what, where, and how it is known again.

import type { Inbound, MessageEvent } from "../../../actors/channels/inbound.ts";
import { channelLimits } from "../../../actors/channels/limits.ts";
import { fieldsOf, memberOf, textIn } from "../sent-json.ts";
import { circumstances, contentOf } from "./content.ts";
import {
  addressOf,
  asSender,
  dedupeKey,
  type Line,
  type Person,
  personOf,
  placeOf,
  sameAs,
  senderOf,
  windowAfter,
} from "./identity.ts";

/** Characters of an id of WhatsApp's. */
const ID_CHARS = 250;
/** What a button of ours says when it is pressed (actors/channels/outgoing.ts, Button.action). */
const ACTION = /^[A-Za-z0-9_.:-]{1,64}$/;
/** Seconds since the epoch, until the year 5138. */
const SECONDS = /^[0-9]{1,11}$/;

/** A message that makes no sense: set aside with this sentence. */
export class NotUnderstood extends Error {}

/** An item of `messages`, looked at. */
interface Item {
  readonly message: unknown;
  readonly id: string;
  readonly person: Person;
  readonly line: Line;
  readonly group: string | null;
  readonly atMs: number;
}

/** When something was, ms since the epoch. @throws NotUnderstood. */
export function timeOf(item: unknown): number {
  const seconds = textIn(item, "timestamp", 40) ?? "";
  if (!SECONDS.test(seconds)) throw new NotUnderstood("Its timestamp is no number of seconds.");
  return Number(seconds) * 1_000;
}

/**
 * The events of a message; none for what nobody answers (reactions, the opening of a chat).
 * @param value the change that it stands in: it names contacts.
 * @throws NotUnderstood what is wrong with it.
 */
export function eventsOfMessage(message: unknown, value: unknown, line: Line): Inbound[] {
  if (fieldsOf(message) === null) throw new NotUnderstood("The message is no object.");
  const id = textIn(message, "id", ID_CHARS + 1);
  if (id === null || id.length > ID_CHARS) {
    throw new NotUnderstood(`The message has no id of at most ${ID_CHARS} characters.`);
  }
  const type = textIn(message, "type", 64);
  if (type === null) throw new NotUnderstood("The message has no type.");
  const person = senderOf(message, value);
  if (person === null) throw new NotUnderstood("Nobody has sent the message.");
  const group = textIn(message, "group_id", ID_CHARS);
  const item: Item = { message, id, person, line, group, atMs: timeOf(message) };
  if (type === "system") return moved(item);
  if (type === "reaction" || type === "request_welcome") return [];
  return [...known(item), said(item, type)];
}

// Both ids of one person are one conversation, from the first time that both are seen.
function known({ person, line, atMs, group }: Item): Inbound[] {
  const { phone, userId } = person;
  if (phone === null || userId === null || group !== null) return [];
  return [sameAs(phone, userId, { person, line, atMs })];
}

function said(item: Item, type: string): Inbound {
  const { message, id, line } = item;
  if (type === "edit") return edited(item);
  if (type === "revoke") {
    const gone = original(memberOf(message, "revoke"));
    return { ...whole(item, dedupeKey("d", line, gone)), kind: "delete", message: gone };
  }
  const base = whole(item, dedupeKey("m", line, id));
  const pressed = pressOf(message, type);
  const answers = textIn(memberOf(message, "context"), "id", ID_CHARS);
  if (pressed !== null) {
    return {
      ...base,
      kind: "action",
      action: pressed,
      ...(answers !== null && { message: answers }),
    };
  }
  const content = contentOf(message);
  if (content === null) throw new NotUnderstood(`The ${type} of the message is empty.`);
  const { text, files } = content;
  return {
    ...base,
    kind: "message",
    message: id,
    text: [text, ...circumstances(message)].filter((part) => part !== "").join("\n\n"),
    ...(files.length > 0 && { files }),
    ...(answers !== null && { answers }),
  } satisfies MessageEvent;
}

function edited(item: Item): Inbound {
  const { message, id, line } = item;
  const edit = memberOf(message, "edit");
  const content = contentOf(memberOf(edit, "message"));
  if (content === null) throw new NotUnderstood("The edit has no new content.");
  return {
    ...whole(item, dedupeKey("e", line, id, String(item.atMs))),
    kind: "edit",
    message: original(edit),
    text: content.text,
  };
}

function original(of: unknown): string {
  const id = textIn(of, "original_message_id", ID_CHARS);
  if (id === null) throw new NotUnderstood("It names no original_message_id.");
  return id;
}

// What a press of a button tells us. A quick reply of a template whose payload nobody has set carries
// its own label: that is a sentence, not a button of ours.
function pressOf(message: unknown, type: string): string | null {
  if (type === "button") {
    const button = memberOf(message, "button");
    const payload = textIn(button, "payload", channelLimits.textChars);
    return payload !== textIn(button, "text", channelLimits.textChars) ? actionIn(payload) : null;
  }
  if (type !== "interactive") return null;
  const inside = memberOf(message, "interactive");
  const reply = memberOf(inside, "button_reply") ?? memberOf(inside, "list_reply");
  return actionIn(textIn(reply, "id", 300));
}

function actionIn(text: string | null): string | null {
  return text !== null && ACTION.test(text) ? text : null;
}

function whole({ message, id, person, line, group, atMs }: Item, dedupe: string) {
  const cameFromAd = fieldsOf(memberOf(message, "referral")) !== null;
  return {
    dedupe: [dedupe],
    place: placeOf(person, line, group),
    address: addressOf(person, line, {
      group,
      message: id,
      windowUntilMs: windowAfter(atMs, cameFromAd),
    }),
    sender: asSender(person),
    atMs,
  };
}

// "User A changed from 16505551234 to 16505550000": each new id is who was known by the old ones.
function moved({ message, person, line, atMs }: Item): Inbound[] {
  const system = memberOf(message, "system");
  const kind = textIn(system, "type", 64);
  if (kind !== "user_changed_number" && kind !== "user_changed_user_id") return [];
  const before = personOf([memberOf(system, "previous_user_id"), memberOf(message, "from")], null);
  const old = [before?.userId ?? person.userId, before?.phone ?? person.phone];
  const after = personOf(
    [memberOf(system, "user_id"), memberOf(system, "wa_id"), memberOf(system, "new_wa_id")],
    person.name,
  );
  return renamed(old, [after?.userId ?? null, after?.phone ?? null], { person, line, atMs });
}

/**
 * That old ids and new ones are one person: the old ones of each other, then each new one of the first old.
 * @throws NotUnderstood when an old or a new one is missing.
 */
export function renamed(
  old: readonly (string | null)[],
  now: readonly (string | null)[],
  about: { readonly person: Person; readonly line: Line; readonly atMs: number },
): Inbound[] {
  const before = [...new Set(old.filter((id) => id !== null))];
  const after = now.filter((id) => id !== null).filter((id) => !before.includes(id));
  const [first, second] = before;
  if (first === undefined || after.length === 0) {
    throw new NotUnderstood("The change of an id names no id before or none after it.");
  }
  return [
    ...(second === undefined ? [] : [sameAs(second, first, about)]),
    ...after.map((id) => sameAs(first, id, about)),
  ];
}
