// Who somebody is at WhatsApp. People have a telephone number and, since 2026, a user id that each business
// sees its own of (BSUID, "US.13491208655302741918"); who has a name there may hide the number. A
// conversation is named by the user id where there is one, and whenever both are seen the number is said
// to be the same conversation, so that it goes on when the number is gone from what Meta sends.

import { createHash } from "node:crypto";
import type {
  ChannelData,
  IdentityEvent,
  Place,
  Sender,
} from "../../../actors/channels/inbound.ts";
import { channelLimits } from "../../../actors/channels/limits.ts";
import { personSender } from "../person-sender.ts";
import { listIn, memberOf, textIn } from "../sent-json.ts";
import { whatsappLimits } from "./limits.ts";

const USER_ID = /^[A-Z]{2}\.(?:ENT\.)?[A-Za-z0-9]{1,128}$/;
const PHONE = /^\+?[0-9]{5,20}$/;

/** Somebody. At least one of the ids is there. */
export interface Person {
  readonly phone: string | null;
  readonly userId: string | null;
  readonly name: string | null;
}

/** Where something was received: the number of ours, and whether it is the account's first. */
export interface Line {
  readonly phoneNumberId: string;
  readonly isMain: boolean;
}

/** An id as a telephone number or as a user id; Meta puts either into some fields. */
export function personOf(ids: readonly unknown[], name: string | null): Person | null {
  let phone: string | null = null;
  let userId: string | null = null;
  for (const id of ids) {
    if (typeof id !== "string") continue;
    if (userId === null && USER_ID.test(id)) userId = id;
    else if (phone === null && PHONE.test(id)) phone = id.replace("+", "");
  }
  return phone === null && userId === null ? null : { phone, userId, name };
}

/** Who has written a message: its own fields, and the contact that belongs to it. Null: nobody is named. */
export function senderOf(message: unknown, value: unknown): Person | null {
  const ids = [memberOf(message, "from_user_id"), memberOf(message, "from")];
  const contacts = listIn(value, "contacts");
  const isOf = (contact: unknown): boolean =>
    ids.some(
      (id) =>
        id !== undefined &&
        (id === memberOf(contact, "wa_id") || id === memberOf(contact, "user_id")),
    );
  const contact = contacts.find(isOf);
  const name = textIn(memberOf(contact, "profile"), "name", 200);
  return personOf([...ids, memberOf(contact, "user_id"), memberOf(contact, "wa_id")], name);
}

/** The id that a person is known by. */
export function idOf(person: Person): string {
  return person.userId ?? person.phone ?? "";
}

/** What a conversation is named: of further numbers of ours the same person's are others. */
export function conversationOf(id: string, line: Line): string {
  return line.isMain ? id : `${line.phoneNumberId}:${id}`;
}

/** Where a message was said: with a person, or in a group. */
export function placeOf(person: Person, line: Line, group: string | null): Place {
  if (group === null) {
    return { conversation: conversationOf(idOf(person), line), isDirect: true };
  }
  return { conversation: conversationOf(group, line), user: idOf(person), isDirect: false };
}

/** The sender as sessions know them: WhatsApp vouches for its ids. */
export function asSender(person: Person): Sender {
  const { phone, userId, name } = person;
  return {
    ...personSender(idOf(person), name),
    ...(phone !== null && userId !== null && { aliases: [phone] }),
  };
}

/** Where an answer goes. */
export interface WhatsAppAddress {
  /** The number of ours that it goes out from. */
  readonly from: string;
  readonly phone: string | null;
  readonly userId: string | null;
  readonly group: string | null;
  readonly name: string | null;
  /** The message that the address was made of: it is marked as read while its answer is written. */
  readonly message: string | null;
  /** Until then anything may be said to them, ms since the epoch; null: we do not know. */
  readonly windowUntilMs: number | null;
}

/** The address of whom a message came from. */
export function addressOf(
  person: Person,
  line: Line,
  about: {
    readonly group: string | null;
    readonly message: string | null;
    readonly windowUntilMs: number | null;
  },
): ChannelData {
  const { phone, userId, name } = person;
  return { from: line.phoneNumberId, phone, userId, name, ...about } satisfies WhatsAppAddress;
}

/** An address as it was stored. Null: it is none of ours. */
export function addressIn(data: ChannelData): WhatsAppAddress | null {
  const from = textIn(data, "from");
  if (from === null) return null;
  const until = data["windowUntilMs"];
  return {
    from,
    phone: textIn(data, "phone"),
    userId: textIn(data, "userId"),
    group: textIn(data, "group"),
    name: textIn(data, "name"),
    message: textIn(data, "message"),
    windowUntilMs: typeof until === "number" ? until : null,
  };
}

/** How Meta is told whom a message is for: a number goes into `to`, a user id only into `recipient`. */
export function recipientOf(address: WhatsAppAddress): Record<string, string> | null {
  if (address.group !== null) return { recipient_type: "group", to: address.group };
  if (address.phone !== null) return { recipient_type: "individual", to: address.phone };
  if (address.userId !== null) return { recipient_type: "individual", recipient: address.userId };
  return null;
}

/** That one id and another are the same conversation. */
export function sameAs(
  from: string,
  to: string,
  about: { readonly person: Person; readonly line: Line; readonly atMs: number },
): IdentityEvent {
  const { person, line, atMs } = about;
  const [before, after] = [conversationOf(from, line), conversationOf(to, line)];
  return {
    kind: "identity",
    of: "conversation",
    from: before,
    to: after,
    dedupe: [dedupeKey("i", line, from, to)],
    place: { conversation: before, isDirect: true },
    address: addressOf(person, line, { group: null, message: null, windowUntilMs: null }),
    sender: asSender(person),
    atMs,
  };
}

/** Key by which an event of a number is known again: what is too long for one stands there as its hash. */
export function dedupeKey(of: string, line: Line, ...parts: readonly string[]): string {
  const key = [of, line.phoneNumberId, ...parts].join(":");
  if (key.length <= channelLimits.dedupeChars) return key;
  return `${of}:${createHash("sha256").update(key, "utf8").digest("hex")}`;
}

/** Until when anything may be said after a message of theirs. */
export function windowAfter(atMs: number, cameFromAd: boolean): number {
  return atMs + (cameFromAd ? whatsappLimits.adWindowMs : whatsappLimits.windowMs);
}
