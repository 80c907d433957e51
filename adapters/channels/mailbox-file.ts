// A file of a message that waits in a mailbox, for the client that has read the message.

import type { OutgoingFile } from "../../actors/channels/outgoing.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import type { ChannelEnvironment } from "./adapter.ts";
import type { Mailbox, MailboxEntry } from "./mailbox.ts";

/**
 * One file as base64.
 * @param which the files of the entry, and which of them.
 * @throws NOT_FOUND; what reading it throws.
 */
export async function fileOfEntry(
  by: { readonly environment: ChannelEnvironment; readonly mailbox: Mailbox },
  { conversation, seq }: { readonly conversation: string; readonly seq: number },
  which: {
    readonly files: (entry: MailboxEntry) => readonly OutgoingFile[];
    readonly index: number;
  },
): Promise<{ readonly name: string; readonly media_type: string; readonly data: string }> {
  const page = await by.mailbox.read(conversation, Math.max(0, seq - 1), 1);
  const entry = page.entries.find((found) => found.seq === seq);
  const file = entry === undefined ? undefined : which.files(entry)[which.index];
  if (file === undefined) throw new RuntimeError("NOT_FOUND", "There is no such file.");
  const bytes = await by.environment.readFile(file);
  return {
    name: file.name,
    media_type: file.mediaType,
    data: Buffer.from(bytes).toString("base64"),
  };
}
