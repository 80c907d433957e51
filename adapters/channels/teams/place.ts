// Where something was said at Teams: the place that makes the session, and the conversation reference that an
// answer goes by.

import type { ChannelData, Place } from "../../../actors/channels/inbound.ts";
import { type Fields, memberOf, textIn } from "../sent-json.ts";

/** Where an answer goes. */
export interface TeamsAddress {
  readonly serviceUrl: string;
  readonly conversation: string;
  /** The bot's id there, and whoever is answered. */
  readonly bot: string;
  readonly user: string | null;
  readonly tenant: string | null;
  /** The activity that is answered. */
  readonly activity: string | null;
}

/** Of a channel's thread: the conversation's id names its first message. */
const THREAD = ";messageid=";

/** The place and the address of an activity; null when it lacks what every one has. */
export function placeOf(
  activity: Fields,
): { readonly place: Place; readonly address: ChannelData } | null {
  const conversation = memberOf(activity, "conversation");
  const id = textIn(conversation, "id", 1_001);
  const user = textIn(memberOf(activity, "from"), "id", 501);
  const bot = textIn(memberOf(activity, "recipient"), "id", 501);
  const serviceUrl = textIn(activity, "serviceUrl", 1_000);
  if (id === null || user === null || bot === null || serviceUrl === null) return null;
  if (id.length > 1_000 || user.length > 500 || bot.length > 500) return null;
  const [room = id, thread] = id.split(THREAD, 2);
  const tenant = tenantOf(activity);
  const answered = textIn(activity, "id", 200);
  const type = textIn(conversation, "conversationType", 40);
  const isDirect = type === null ? memberOf(conversation, "isGroup") !== true : type === "personal";
  return {
    place: { conversation: room, ...(thread !== undefined && { thread }), user, isDirect },
    address: {
      ...{ serviceUrl, conversation: id, bot, user },
      ...(tenant !== null && { tenant }),
      ...(answered !== null && { activity: answered }),
    },
  };
}

/** The directory it comes from. */
export function tenantOf(activity: Fields): string | null {
  const inData = memberOf(memberOf(activity, "channelData"), "tenant");
  return textIn(inData, "id", 100) ?? textIn(memberOf(activity, "conversation"), "tenantId", 100);
}

/** Reads what was stored; null for what this adapter has not made. */
export function addressOf(address: ChannelData): TeamsAddress | null {
  const serviceUrl = textIn(address, "serviceUrl", 1_000);
  const conversation = textIn(address, "conversation", 1_000);
  const bot = textIn(address, "bot", 500);
  if (serviceUrl === null || conversation === null || bot === null) return null;
  return {
    ...{ serviceUrl, conversation, bot, user: textIn(address, "user", 500) },
    tenant: textIn(address, "tenant", 100),
    activity: textIn(address, "activity", 200),
  };
}
