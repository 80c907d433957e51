// What stands in a visitor's mailbox: the conversation as the widget shows it, both sides of it.

import type { ChannelData } from "../../../actors/channels/inbound.ts";
import type { Button, Outgoing, OutgoingFile, Part } from "../../../actors/channels/outgoing.ts";
import type { MailboxEntry } from "../mailbox.ts";
import { markdownParts } from "../markdown-parts.ts";
import { webChatLimits } from "./limits.ts";

/** An answer's part. */
export interface AnswerEntry {
  readonly from: "agent";
  readonly text: string;
  readonly buttons: readonly Button[];
  readonly files: readonly OutgoingFile[];
}

/** What a visitor has said or pressed. */
export interface VisitorEntry {
  readonly from: "visitor";
  readonly text: string;
  /** The button, and the message it stands under. */
  readonly pressed?: { readonly action: string; readonly of: string | null };
}

/** Address of a conversation: its mailbox. */
export interface WebChatAddress {
  readonly box: string;
}

/** Keys of entries, by who said it. */
export const entryKeys = { visitor: "in:", agent: "out:" } as const;

/** Parts of an answer; buttons and files go with the last. */
export function renderWebChat({ text, buttons = [], files = [] }: Outgoing): readonly Part[] {
  const texts = markdownParts(text, webChatLimits.textChars);
  return texts.map((piece, index) => {
    const isLast = index === texts.length - 1;
    const body: AnswerEntry = {
      from: "agent",
      text: piece,
      buttons: isLast ? buttons : [],
      files: isLast ? files : [],
    };
    return { body: { ...body }, plain: piece };
  });
}

/** An entry as the widget gets it: `id` stays while what it says may change. */
export function shownEntry({ seq, first, key, atMs, body }: MailboxEntry): object {
  const entry = body as unknown as AnswerEntry | VisitorEntry;
  const known = { seq, first, id: key.slice(key.indexOf(":") + 1), at: atMs, ...entry };
  if (entry.from === "visitor") return known;
  const files = entry.files.map(({ name, mediaType, bytes }) => ({
    name,
    media_type: mediaType,
    bytes,
  }));
  return { ...known, files };
}

/** Files of an entry. */
export function filesOf({ body }: MailboxEntry): readonly OutgoingFile[] {
  return (body as unknown as Partial<AnswerEntry>).files ?? [];
}

/** The mailbox of an address. */
export function boxOf(address: ChannelData): string {
  return (address as unknown as WebChatAddress).box;
}
