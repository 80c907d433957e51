// Where something was said at Discord: ids, and the address that an answer goes to. Threads are channels of
// their own there, with an id of their own.

import type { ChannelData } from "../../../actors/channels/inbound.ts";
import { memberOf, textIn } from "../sent-json.ts";

/** Milliseconds since the epoch at which Discord's ids begin to count. */
const EPOCH_MS = 1_420_070_400_000;
/** Characters of a token that is sealed. */
const TOKEN_MAX = 2_000;
const SNOWFLAKE = /^\d{1,20}$/;

/** Where an answer goes. */
export interface DiscordAddress {
  readonly channel: string;
  /** What is answered: ours come after it. */
  readonly after: string | null;
  readonly interaction: Interaction | null;
}

/** By which a command or a press may be answered for 15 minutes, without the bot being in the room. */
export interface Interaction {
  readonly application: string;
  readonly token: string;
  /** When it came, ms since the epoch. */
  readonly atMs: number;
  /** A message that "is thinking" stands there and wants to be filled. */
  readonly isAwaited: boolean;
}

/** An id of Discord's; null for anything else. */
export function idIn(value: unknown, name: string): string | null {
  const id = textIn(value, name, 40);
  return id !== null && SNOWFLAKE.test(id) ? id : null;
}

/** When an id was made, ms since the epoch. */
export function timeOf(id: string): number {
  return Number(BigInt(id) >> 22n) + EPOCH_MS;
}

/** An address as it is stored. */
export function addressData({ channel, after, interaction }: DiscordAddress): ChannelData {
  return {
    channel,
    ...(after !== null && { after }),
    ...(interaction !== null && { interaction }),
  };
}

/** Where a room is written to in which nobody has written; null: it is no room's id. */
export function firstTo(channel: string) {
  if (!SNOWFLAKE.test(channel)) return null;
  return {
    conversation: channel,
    address: addressData({ channel, after: null, interaction: null }),
  };
}

/** Reads what was stored; null for what this adapter has not made. */
export function addressOf(address: ChannelData): DiscordAddress | null {
  const channel = idIn(address, "channel");
  if (channel === null) return null;
  return {
    channel,
    after: idIn(address, "after"),
    interaction: interactionIn(memberOf(address, "interaction")),
  };
}

function interactionIn(value: unknown): Interaction | null {
  const application = idIn(value, "application");
  const token = textIn(value, "token", TOKEN_MAX);
  const atMs = memberOf(value, "atMs");
  if (application === null || token === null || typeof atMs !== "number") return null;
  return { application, token, atMs, isAwaited: memberOf(value, "isAwaited") === true };
}

/** A token as Discord makes them: it is part of an address, so that nothing else may stand there. */
export function isToken(token: string): boolean {
  return /^[\w.~-]{1,1000}$/.test(token);
}
