// Where something was said at Slack, in the words of the server: the place that makes the session, and the
// address that an answer goes to.

import type { ChannelData, Place } from "../../../actors/channels/inbound.ts";
import { idIn, timeIn } from "./fields.ts";

/** Where in Slack. */
export interface SlackPlace {
  readonly team: string;
  readonly channel: string;
  readonly user: string;
  /** Slack's word for the kind of conversation ("im", "mpim", "channel", "group"); null: it does not say. */
  readonly channelType: string | null;
  /** Time of the message itself; null for what is no message, as a command. */
  readonly time: string | null;
  /** Time of the thread's first message, where it stands in a thread. */
  readonly thread: string | null;
}

/** Where an answer goes. */
export interface SlackAddress {
  readonly channel: string;
  readonly thread: string | null;
}

/**
 * The place and the address. In rooms every message begins a thread or stands in one: the first and its
 * replies are one session, and answers go there. In a conversation of two only those who opened a thread
 * have one.
 */
export function placeOf(at: SlackPlace): { readonly place: Place; readonly address: ChannelData } {
  const isDirect = isDirectConversation(at);
  const thread = at.thread ?? (isDirect ? null : at.time);
  const place = {
    conversation: at.channel,
    ...(thread !== null && { thread }),
    user: at.user,
    isDirect,
  };
  const address = { team: at.team, channel: at.channel, ...(thread !== null && { thread }) };
  return { place, address };
}

function isDirectConversation(at: SlackPlace): boolean {
  if (at.channelType !== null) return at.channelType === "im" || at.channelType === "app_home";
  return at.channel.startsWith("D");
}

/** Where a room or a person is written to that has not written; null: it is no id of either. */
export function firstTo(channel: string) {
  if (!/^[CDGU][A-Z0-9]{1,40}$/.test(channel)) return null;
  return { conversation: channel, address: { channel } };
}

/** Reads an address that `placeOf` has made; null for another. */
export function addressOf(address: ChannelData): SlackAddress | null {
  const channel = idIn(address, "channel");
  return channel === null ? null : { channel, thread: timeIn(address, "thread") };
}

/** Id of a message: times are unique within a conversation only. */
export function messageId(channel: string, time: string): string {
  return `${channel}:${time}`;
}

/** Conversation and time of a message's id; null for another. */
export function messageOf(id: string): { readonly channel: string; readonly time: string } | null {
  const [channel = "", time = "", ...more] = id.split(":");
  if (more.length > 0 || idIn({ channel }, "channel") === null) return null;
  return timeIn({ time }, "time") === null ? null : { channel, time };
}
