// A mail as text, and the events that the adapter makes of it.

import type { Inbound, MessageEvent } from "../../../actors/channels/inbound.ts";
import { readEvents } from "../../../adapters/channels/email/events.ts";
import { marks } from "../../../adapters/channels/email/message-ids.ts";
import { type EmailSettings, emailOptions } from "../../../adapters/channels/email/settings.ts";
import { mailSettings } from "./mail-account.ts";

/** The marks of the account that these tests have. */
export const ownMarks = marks("a secret of threads", "example.test");

/** A mail. Headers that are null are left out; lists come more than once. */
export function mail(
  headers: Readonly<Record<string, string | readonly string[] | null>> = {},
  body: string | Buffer = "Hello, what is the time?",
): Buffer {
  const all: Readonly<Record<string, string | readonly string[] | null>> = {
    From: "Alice <alice@example.test>",
    To: "agent@example.test",
    Subject: "A question",
    "Message-ID": "<one@example.test>",
    Date: "Mon, 23 Nov 2026 10:00:00 +0000",
    ...headers,
  };
  const lines = Object.entries(all).flatMap(([name, value]) =>
    (value === null ? [] : typeof value === "string" ? [value] : value).map(
      (one) => `${name}: ${one}\r\n`,
    ),
  );
  return Buffer.concat([Buffer.from(`${lines.join("")}\r\n`), Buffer.from(body)]);
}

/** What is made of it. */
export async function read(raw: Buffer, settings: Partial<EmailSettings> = {}, uid = 1) {
  const options = emailOptions(mailSettings({ imap: 1, smtp: 1 }, settings));
  const fetched = { raw, mailbox: "INBOX", uidValidity: "7", uid, atMs: 1_000 };
  return await readEvents(fetched, options, ownMarks);
}

/** The one message of it. @throws Error when it is something else. */
export async function message(
  raw: Buffer,
  settings: Partial<EmailSettings> = {},
): Promise<MessageEvent> {
  const { events, parked } = await read(raw, settings);
  const [event]: readonly (Inbound | undefined)[] = events;
  if (event?.kind === "message") return event;
  throw new Error(`no message: ${JSON.stringify({ events, parked })}`);
}
