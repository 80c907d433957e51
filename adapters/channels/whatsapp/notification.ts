// A webhook of WhatsApp: batches of changes, each with messages of several people and with statuses of what
// we sent. Each item is understood by itself: one that is broken is set aside and the others go on, because
// Meta delivers a batch that was refused again and again, whole.

import { isUtf8 } from "node:buffer";
import type { Inbound, StatusEvent } from "../../../actors/channels/inbound.ts";
import { channelLimits } from "../../../actors/channels/limits.ts";
import type { Parked } from "../adapter.ts";
import { fieldsOf, listIn, memberOf, textIn } from "../sent-json.ts";
import { classOfCode } from "./errors.ts";
import {
  addressOf,
  asSender,
  conversationOf,
  dedupeKey,
  idOf,
  type Line,
  personOf,
} from "./identity.ts";
import { eventsOfMessage, NotUnderstood, renamed, timeOf } from "./message.ts";

/** What a webhook says. */
export interface Notification {
  readonly events: readonly Inbound[];
  readonly parked: readonly Parked[];
  /** Numbers of the app that are not this account's: what they were told is left out. */
  readonly foreign: readonly string[];
}

/** Most events of one webhook; Meta sends at most 1,000 updates in one. */
const EVENTS_MAX = 10_000;

/**
 * What a verified webhook says.
 * @param body parsed JSON.
 * @param lines the numbers that are answered, by id.
 * @returns null when it is no webhook of Meta's at all.
 */
export function notificationIn(
  body: unknown,
  lines: ReadonlyMap<string, Line>,
): Notification | null {
  if (fieldsOf(body) === null || !Array.isArray(memberOf(body, "entry"))) return null;
  const events = new Map<string, Inbound>();
  const parked: Parked[] = [];
  const foreign = new Set<string>();
  const changes = listIn(body, "entry").flatMap((entry) => listIn(entry, "changes"));
  for (const change of changes) {
    const value = memberOf(change, "value");
    const number = textIn(memberOf(value, "metadata"), "phone_number_id", 40);
    const line = lines.get(number ?? "");
    if (line === undefined) {
      if (number !== null && foreign.size < 100) foreign.add(number);
      continue;
    }
    for (const [item, understand] of itemsOf(value, line)) {
      for (const event of understood(item, understand, parked)) {
        // The same identity of somebody who wrote twice is told once.
        if (events.size < EVENTS_MAX) events.set(`${event.kind} ${event.dedupe[0]}`, event);
      }
    }
  }
  return { events: [...events.values()], parked, foreign: [...foreign] };
}

type Understand = (item: unknown) => readonly Inbound[];

// Changes of ids first: what somebody says as another is already theirs.
function itemsOf(value: unknown, line: Line): [unknown, Understand][] {
  const each = (name: string, understand: Understand): [unknown, Understand][] =>
    listIn(value, name).map((item) => [item, understand]);
  return [
    ...each("user_id_update", (item) => eventsOfUpdate(item, line)),
    ...each("messages", (item) => eventsOfMessage(item, value, line)),
    ...each("statuses", (item) => eventsOfStatus(item, line)),
  ];
}

function understood(item: unknown, understand: Understand, parked: Parked[]): readonly Inbound[] {
  try {
    return understand(item);
  } catch (error) {
    if (!(error instanceof NotUnderstood)) throw error;
    parked.push({ reason: error.message, raw: cutTo(JSON.stringify(item) ?? "") });
    return [];
  }
}

// Bytes are counted, not characters; half of a character at the end is left out.
function cutTo(text: string): string {
  const bytes = Buffer.from(text, "utf8");
  if (bytes.length <= channelLimits.parkedBytes) return text;
  let end = channelLimits.parkedBytes;
  while (!isUtf8(bytes.subarray(0, end))) end -= 1;
  return bytes.subarray(0, end).toString("utf8");
}

// The change of a user id as a webhook of its own, which Meta described first and some still get.
function eventsOfUpdate(item: unknown, line: Line): readonly Inbound[] {
  const changed = memberOf(item, "user_id");
  const old = personOf([memberOf(changed, "previous")], null);
  const now = personOf([memberOf(changed, "current"), memberOf(item, "wa_id")], null);
  if (now === null) throw new NotUnderstood("The change of a user id names no current one.");
  const about = { person: now, line, atMs: timeOf(item) };
  return renamed([old?.userId ?? null], [now.userId, now.phone], about);
}

const STATES = ["sent", "delivered", "read", "failed"] as const;

// What has become of a message of ours. States come in any order, and more than once.
function eventsOfStatus(item: unknown, line: Line): readonly Inbound[] {
  if (fieldsOf(item) === null) throw new NotUnderstood("The status is no object.");
  const receipt = textIn(item, "id", 250);
  if (receipt === null) throw new NotUnderstood("The status names no message.");
  const given = textIn(item, "status", 40);
  // A voice message that was played has been read; what Meta may add (deleted, warning) changes nothing.
  const state = STATES.find((one) => one === (given === "played" ? "read" : given));
  if (state === undefined) return [];
  const to = [memberOf(item, "recipient_user_id"), memberOf(item, "recipient_id")];
  const isGroup = textIn(item, "recipient_type", 40) === "group";
  const person = personOf(isGroup ? [memberOf(item, "recipient_participant_id")] : to, null);
  const group = isGroup ? textIn(item, "recipient_id", 250) : null;
  if (person === null && group === null) throw new NotUnderstood("The status is of nobody.");
  const whom = person ?? { phone: null, userId: null, name: null };
  const key = textIn(item, "biz_opaque_callback_data", 512);
  const place = { conversation: conversationOf(group ?? idOf(whom), line), isDirect: !isGroup };
  const event: StatusEvent = {
    kind: "status",
    receipt,
    state,
    ...(state === "failed" && failureOf(item)),
    ...(key !== null && { key }),
    dedupe: [dedupeKey("s", line, receipt, state, ...(isGroup ? [idOf(whom)] : []))],
    place,
    address: addressOf(whom, line, { group, message: null, windowUntilMs: null }),
    sender: { ...asSender(whom), isAutomatic: true },
    atMs: timeOf(item),
  };
  return [event];
}

function failureOf(item: unknown): Pick<StatusEvent, "reason" | "failure"> {
  const [error] = listIn(item, "errors");
  const code = memberOf(error, "code");
  const words =
    textIn(memberOf(error, "error_data"), "details", 250) ??
    textIn(error, "message", 250) ??
    textIn(error, "title", 250) ??
    "WhatsApp does not say why.";
  if (typeof code !== "number") return { reason: words };
  const failure = classOfCode(code);
  return {
    reason: `${words} (${code})`,
    ...((failure === "window" || failure === "gone") && { failure }),
  };
}
