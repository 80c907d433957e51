// A file of a mail, fetched when somebody wants it: the mail is read again, by the same reader that named
// its files, so that a number means the same file both times.

import type { FileRef } from "../../../actors/channels/inbound.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import type { Desk } from "./desk.ts";
import { within } from "./imap.ts";
import { readFileApart } from "./reader.ts";
import type { EmailOptions } from "./settings.ts";

/** @throws RuntimeError NOT_FOUND, BODY_TOO_LARGE. */
export async function fetchMailFile(
  file: FileRef,
  bytesMax: number,
  { desk, options, signal }: { desk: Desk; options: EmailOptions; signal: AbortSignal },
): Promise<Uint8Array> {
  const { mailbox, uidValidity, uid, part } = file.at;
  if (
    typeof uidValidity !== "string" ||
    !Number.isSafeInteger(uid) ||
    mailbox !== options.mailbox
  ) {
    throw gone(file);
  }
  if (file.bytes !== null && file.bytes > bytesMax) throw tooLarge(file, file.bytes, bytesMax);
  const raw = await desk.use(async (client) => {
    const open = client.mailboxOpen(options.mailbox, { readOnly: true });
    const opened = await within(client, open, options.timeoutMs);
    if (String(opened.uidValidity) !== uidValidity) throw gone(file);
    const get = (query: { size: true } | { source: true }, ms: number) =>
      within(client, client.fetchOne(String(uid), query, { uid: true }), ms);
    const about = await get({ size: true }, options.timeoutMs);
    if (about === false || about === undefined) throw gone(file);
    const bytes = about.size ?? 0;
    if (bytes > options.mailBytesMax) throw tooLarge(file, bytes, options.mailBytesMax);
    const found = await get({ source: true }, options.timeoutMs + bytes / 100);
    return found === false ? undefined : found?.source;
  }, signal);
  if (raw === undefined) throw gone(file);
  const found = await readFileApart(raw, Number(part));
  if (found === null || found.name !== file.name) throw gone(file);
  if (found.bytes.length > bytesMax) throw tooLarge(file, found.bytes.length, bytesMax);
  return found.bytes;
}

function gone(file: FileRef): RuntimeError {
  const text = `The mail with the file "${file.name}" is not in its folder any more.`;
  return new RuntimeError("NOT_FOUND", text, { file: file.id });
}

function tooLarge(file: FileRef, bytes: number, bytesMax: number): RuntimeError {
  const text = `The file "${file.name}" of ${bytes} bytes is larger than ${bytesMax}.`;
  return new RuntimeError("BODY_TOO_LARGE", text, { bytes, bytesMax });
}
