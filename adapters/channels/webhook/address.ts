// Where answers of a webhook conversation go: kept with the session, read by `send` alone.

import type { ChannelData } from "../../../actors/channels/inbound.ts";

/** An address. */
export interface WebhookAddress {
  readonly conversation: string;
  readonly thread: string | null;
  /** In the mode `callback`. */
  readonly callbackUrl: string | null;
  /** The message that was heard last there. */
  readonly message: string;
}

/** An address as it was stored. */
export function addressOf(data: ChannelData): WebhookAddress {
  return data as unknown as WebhookAddress;
}

/** The name of the conversation's mailbox: names of any two run into each other never. */
export function boxOf({
  conversation,
  thread,
}: Pick<WebhookAddress, "conversation" | "thread">): string {
  return `${conversation.length}:${conversation}${thread === null ? "" : `/${thread}`}`;
}
