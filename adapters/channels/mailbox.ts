// What is waiting to be fetched from this server: the messages of a conversation whose other end calls us
// (a page with the chat, a program that polls). An adapter's `send` puts a part here, a client reads after
// the number it has; nothing is pushed, so that nothing is lost between two connections. Entries are kept
// in tables within the bounds below (mailboxes.ts).

import type { ChannelData } from "../../actors/channels/inbound.ts";

/** Limits of mailboxes. */
export const mailboxLimits = {
  /** Entries kept of a conversation, and their bytes as JSON: the oldest go first. */
  entries: 500,
  bytes: 8 * 1024 * 1024,
  /** One entry, bytes as JSON. */
  entryBytes: 1024 * 1024,
  /** Days after the last entry when a conversation is forgotten. */
  days: 30,
  /** Entries of one page. */
  page: 100,
  /** Calls that wait at once: for one conversation, and in all. */
  conversationWaiters: 8,
  waiters: 10_000,
  /** Characters of a conversation's name and of a key. */
  nameChars: 600,
} as const;

/** A message that waits. */
export interface MailboxEntry {
  /** Grows with every entry of the conversation, also over times when it was forgotten. */
  readonly seq: number;
  /** The number it had when it was new: what is replaced has a new `seq`, so that readers get it again. */
  readonly first: number;
  readonly key: string;
  readonly atMs: number;
  readonly body: ChannelData;
}

/** What is there after a number. */
export interface MailboxPage {
  /** In the order of `seq`, at most as many as were asked for. */
  readonly entries: readonly MailboxEntry[];
  /** The newest entry's; 0: there never was one. */
  readonly last: number;
  /** Entries after the number asked for are no longer kept. */
  readonly isCut: boolean;
}

/** The conversations of one account. */
export interface Mailbox {
  /**
   * Adds an entry, once for each key. @returns its number, of the one that is there if the key is.
   * @throws INVALID when it is larger than `entryBytes`; what the tables refuse.
   */
  append(conversation: string, key: string, body: ChannelData): Promise<number>;
  /** Puts another body in the place of a key's entry, with a new `seq`. Adds it where there is none. */
  replace(conversation: string, key: string, body: ChannelData): Promise<number>;
  /** @param limit 1..`page`. */
  read(conversation: string, after: number, limit: number): Promise<MailboxPage>;
  /**
   * Resolves when there may be something after a number: at once when there is, else with the next entry,
   * `wake`, or the signal's end. @throws POOL_FULL when too many wait.
   */
  wait(conversation: string, after: number, signal: AbortSignal): Promise<void>;
  /** Lets go whoever waits for a conversation: something that is not kept has changed. */
  wake(conversation: string): void;
}
