// What the Events API tells (docs.slack.dev/apis/events-api), said in the server's words. The same over
// HTTP and in Socket Mode. Pure: what is a repeat, and what is answered, others decide.

import type { Inbound, Sender } from "../../../actors/channels/inbound.ts";
import { channelLimits } from "../../../actors/channels/limits.ts";
import type { Parked } from "../adapter.ts";
import { personSender } from "../person-sender.ts";
import { type Fields, listIn, textIn } from "../sent-json.ts";
import { idIn, objectIn, timeIn } from "./fields.ts";
import { filesOf } from "./incoming-files.ts";
import { namesBot, readableText } from "./incoming-text.ts";
import { messageId, placeOf } from "./place.ts";
import type { SlackSelf } from "./self.ts";

/** What a delivery holds for us: often nothing. */
export interface Read {
  readonly events: readonly Inbound[];
  readonly parked: readonly Parked[];
}

const NOTHING: Read = { events: [], parked: [] };

/** Kinds of messages that somebody has written; further subtypes say what happened in a room. */
const written: ReadonlySet<string | null> = new Set([
  null,
  "file_share",
  "thread_broadcast",
  "me_message",
  "bot_message",
]);

/** Slack's own voice in a workspace. */
const SLACKBOT = "USLACKBOT";
/** Messages that a message brings along, as forwarded ones. */
const ATTACHMENTS_MAX = 10;

/** Reads an `event_callback`. What is no message, and what changes nothing, is nothing. */
export function readEvent(envelope: Fields, self: SlackSelf): Read {
  const event = objectIn(envelope, "event");
  const type = textIn(event, "type");
  if (type !== "message" && type !== "app_mention") return NOTHING;
  const subtype = textIn(event, "subtype");
  const about = { envelope, event, self };
  if (subtype === "message_changed") return readChange(about);
  if (subtype === "message_deleted") return readDeletion(about);
  return written.has(subtype) ? readMessage(about) : NOTHING;
}

interface About {
  readonly envelope: Fields;
  readonly event: Fields;
  readonly self: SlackSelf;
}

function readMessage(about: About): Read {
  const { envelope, event, self } = about;
  const at = timeIn(event, "ts");
  const sender = senderOf(event, self.wrote(event, envelope));
  const base = at === null || sender === null ? null : baseOf(about, { at, sender, of: event });
  if (at === null || base === null) return parked(event, "a message without ids");
  const bots = self.usersIn(envelope);
  const text = textIn(event, "text", channelLimits.textChars * 2) ?? "";
  const files = filesOf(event);
  const thread = timeIn(event, "thread_ts");
  // The mention comes twice, as itself and as the room's message: either says the same of it.
  const isMention =
    namesBot(text, bots) || (bots.size === 0 && textIn(event, "type") === "app_mention");
  const message = {
    ...base.event,
    kind: "message" as const,
    dedupe: base.dedupe("message"),
    message: base.message,
    text: [readableText(text, bots), ...attachedTexts(event, bots)].join("\n\n").trim(),
    isMention,
    ...(files.length > 0 && { files }),
    ...(thread !== null && thread !== at && { answers: messageId(base.channel, thread) }),
  };
  return { events: [message], parked: [] };
}

function readChange(about: About): Read {
  const { envelope, event, self } = about;
  const message = objectIn(event, "message");
  const previous = objectIn(event, "previous_message");
  const isSelf = self.wrote(message, envelope) || self.wrote(previous, envelope);
  const text = textIn(message, "text", channelLimits.textChars * 2) ?? "";
  // The first message of a thread that goes while it has replies stays as its own headstone.
  const isGone = textIn(message, "subtype") === "tombstone";
  // Links that unfold and threads that grow change a message, and nothing that was said.
  const wasSaid = textIn(previous, "text", channelLimits.textChars * 2);
  if (!isGone && wasSaid !== null && wasSaid === text) return NOTHING;
  const at = timeIn(message, "ts");
  const sender = senderOf(isGone ? previous : message, isSelf);
  const base = at === null || sender === null ? null : baseOf(about, { at, sender, of: message });
  if (base === null) return parked(event, "a change of a message without ids");
  const changed = timeIn(objectIn(message, "edited"), "ts") ?? timeIn(event, "event_ts") ?? at;
  const bots = self.usersIn(envelope);
  const ids = { ...base.event, message: base.message };
  const change: Inbound = isGone
    ? { ...ids, kind: "delete", dedupe: base.dedupe("delete") }
    : {
        ...ids,
        kind: "edit",
        dedupe: base.dedupe(`edit/${changed}`),
        text: readableText(text, bots),
      };
  return { events: [change], parked: [] };
}

function readDeletion(about: About): Read {
  const { envelope, event, self } = about;
  const previous = objectIn(event, "previous_message");
  const at = timeIn(event, "deleted_ts");
  // Who has deleted it Slack does not say, and where it does not know the author either it is nobody's.
  const sender = senderOf(previous, self.wrote(previous, envelope)) ?? personSender("unknown");
  const base = at === null ? null : baseOf(about, { at, sender, of: previous });
  if (base === null) return parked(event, "a deletion without ids");
  const ids = { ...base.event, message: base.message };
  return { events: [{ ...ids, kind: "delete", dedupe: base.dedupe("delete") }], parked: [] };
}

/** What all events of a message have. */
function baseOf(
  { envelope, event }: About,
  { at, sender, of }: { readonly at: string; readonly sender: Sender; readonly of: Fields },
) {
  const team = idIn(envelope, "team_id") ?? idIn(event, "team");
  const channel = idIn(event, "channel");
  if (team === null || channel === null) return null;
  const delivery = textIn(envelope, "event_id", 80);
  const deliveries = delivery === null ? [] : [`slack:event/${delivery}`];
  return {
    channel,
    message: messageId(channel, at),
    dedupe: (kind: string) => [...deliveries, `slack:${team}/${channel}/${at}/${kind}`],
    event: {
      ...placeOf({
        ...{ team, channel, user: sender.id, time: at },
        channelType: textIn(event, "channel_type"),
        thread: timeIn(of, "thread_ts"),
      }),
      sender,
      atMs: Math.round(Number(timeIn(event, "event_ts") ?? at) * 1_000),
    },
  };
}

function senderOf(message: Fields, isSelf: boolean): Sender | null {
  const bot = idIn(message, "bot_id");
  const id = idIn(message, "user") ?? bot;
  if (id === null) return null;
  const name =
    textIn(objectIn(message, "bot_profile"), "name", 200) ?? textIn(message, "username", 200);
  const isBot = bot !== null || textIn(message, "subtype") === "bot_message";
  return { ...personSender(id, name), isBot, isSelf, isAutomatic: id === SLACKBOT };
}

function attachedTexts(event: Fields, bots: ReadonlySet<string>): string[] {
  return listIn(event, "attachments")
    .slice(0, ATTACHMENTS_MAX)
    .flatMap((one) => textIn(one, "text", channelLimits.textChars) ?? textIn(one, "fallback") ?? [])
    .map((text) => readableText(text, bots).replaceAll(/^/gm, "> "));
}

function parked(event: Fields, what: string): Read {
  const raw = Buffer.from(JSON.stringify(event)).subarray(0, channelLimits.parkedBytes);
  return { events: [], parked: [{ reason: `Slack sent ${what}.`, raw: raw.toString("utf8") }] };
}
