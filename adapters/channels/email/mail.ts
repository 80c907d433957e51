// A mail as it lies in a mailbox, read: headers, the text of its body, what is attached. Bytes in, plain and
// bounded data out; what cannot be read throws, and is set aside by whoever asked. It runs where it can be
// stopped (reader.ts): a mail can be made that takes minutes.

import { createHash } from "node:crypto";
import PostalMime, { type Address, type Attachment, addressParser, type Email } from "postal-mime";
import { withWindowsMarks } from "../../parse/decode-as.ts";
import { htmlText } from "../../parse/html.ts";
import { addressId, headerText } from "./address.ts";
import { emailLimits } from "./limits.ts";
import { idsIn } from "./message-ids.ts";

/** Something that is attached, or shown within. */
export interface MailFile {
  readonly name: string;
  readonly mediaType: string;
  readonly bytes: number;
}

/** A mail, as it crosses threads. */
export interface MailData {
  /** Its Message-ID, or of all its bytes where it has none: `raw:...`. */
  readonly id: string;
  /** Each From address as an id; exactly one in an honest mail. */
  readonly from: readonly string[];
  readonly fromName: string;
  readonly replyTo: string | null;
  /** To, Cc, and where it was delivered. */
  readonly recipients: readonly string[];
  readonly subject: string;
  readonly inReplyTo: readonly string[];
  readonly references: readonly string[];
  /** As the sender says; null: not at all. */
  readonly atMs: number | null;
  readonly text: string;
  readonly files: readonly MailFile[];
  /** Of headers by their names in lower case: all values, topmost first. */
  readonly headers: ReadonlyMap<string, readonly string[]>;
  /** Of a report: what it says, and the headers of what it is about. */
  readonly report?: { readonly status: string; readonly original: string };
}

/** A mail. */
export interface Mail extends MailData {
  header(name: string): readonly string[];
}

/** With its headers at hand. */
export function mailOf(data: MailData): Mail {
  return { ...data, header: (name) => data.headers.get(name) ?? [] };
}

/** The bytes of one of its files, by its number; null: there is none. */
export async function readMailFile(
  raw: Uint8Array,
  part: number,
): Promise<{ readonly name: string; readonly bytes: Uint8Array } | null> {
  const { attachments } = await parsedMail(raw);
  const attachment = attachments[part];
  if (attachment === undefined) return null;
  return { name: fileOf(attachment, part).name, bytes: bytesOf(attachment) };
}

/** @throws Error for what is nested deeper or has more headers than anybody writes. */
export async function readMail(raw: Uint8Array): Promise<MailData> {
  const parsed = await parsedMail(raw);
  const values = headersOf(parsed);
  const header = (name: string) => values.get(name) ?? [];
  const [messageId] = idsIn(header("message-id")[0]);
  // All of them: the parsed mail has the first alone.
  const from = allOf(
    flat(
      header("from")
        .slice(0, 2)
        .flatMap((value) => addressParser(value)),
    ),
  );
  const recipients = [
    ...allOf(flat([...(parsed.to ?? []), ...(parsed.cc ?? [])])),
    ...[...header("delivered-to"), ...header("x-original-to")].flatMap((value) => {
      const id = addressId(value.replace(/^<|>$/g, ""));
      return id === null ? [] : [id];
    }),
  ];
  const atMs = Date.parse(parsed.date ?? "");
  return {
    id: messageId ?? `raw:${createHash("sha256").update(raw).digest("base64url")}`,
    from: from.slice(0, 2),
    fromName: withWindowsMarks(parsed.from?.name ?? ""),
    replyTo: allOf(flat(parsed.replyTo ?? []))[0] ?? null,
    recipients: recipients.slice(0, emailLimits.recipients),
    subject: headerText(withWindowsMarks(parsed.subject ?? ""), emailLimits.subjectChars),
    inReplyTo: idsIn(header("in-reply-to")[0]),
    references: idsIn(header("references")[0]),
    atMs: Number.isNaN(atMs) ? null : atMs,
    text: textOf(parsed),
    files: parsed.attachments.slice(0, emailLimits.files).map(fileOf),
    headers: bounded(values),
    ...reportOf(parsed),
  };
}

async function parsedMail(raw: Uint8Array): Promise<Email> {
  // The mail that a report is about is no text of the report.
  const parsed = await PostalMime.parse(raw);
  const type = headersOf(parsed).get("content-type")?.[0] ?? "";
  if (!/^multipart\/report\b/i.test(type.trim())) return parsed;
  return await PostalMime.parse(raw, { forceRfc822Attachments: true });
}

function headersOf(parsed: Email): ReadonlyMap<string, readonly string[]> {
  const values = new Map<string, string[]>();
  for (const { key, value } of parsed.headers) {
    const before = values.get(key);
    if (before === undefined) values.set(key, [value]);
    else before.push(value);
  }
  return values;
}

/** What a header says in more than a page, or more than so often, is for nobody here. */
function bounded(
  values: ReadonlyMap<string, readonly string[]>,
): ReadonlyMap<string, readonly string[]> {
  const most = [...values].slice(0, emailLimits.headers);
  return new Map(
    most.map(([name, all]) => [
      name,
      all
        .slice(0, emailLimits.headerValues)
        .map((value) => value.slice(0, emailLimits.headerChars)),
    ]),
  );
}

const STATUS = /^message\/(?:global-)?delivery-status$/;
const ORIGINAL = /^(?:message\/(?:rfc822|global)|text\/rfc822-headers|message\/global-headers)$/;

function reportOf(parsed: Email): Pick<MailData, "report"> {
  const part = (type: RegExp): string | undefined => {
    const file = parsed.attachments.find(({ mimeType }) => type.test(mimeType));
    return file && Buffer.from(bytesOf(file).subarray(0, emailLimits.reportBytes)).toString("utf8");
  };
  const [status, original] = [part(STATUS), part(ORIGINAL)];
  if (status === undefined || original === undefined) return {};
  return { report: { status, original } };
}

function flat(addresses: readonly Address[]): readonly string[] {
  return addresses.flatMap((one) =>
    one.group === undefined ? [one.address] : one.group.map(({ address }) => address),
  );
}

function allOf(addresses: readonly string[]): readonly string[] {
  return addresses.flatMap((address) => addressId(address) ?? []);
}

function textOf({ text, html }: Email): string {
  const plain = text?.trim() ?? "";
  const isHtml = plain === "" && html !== undefined;
  const shown = withWindowsMarks(
    isHtml ? htmlText(html.slice(0, emailLimits.htmlChars)).text.trim() : plain,
  ).slice(0, emailLimits.textChars);
  return shown.replace(/\r\n?/g, "\n").replaceAll("\u0000", "");
}

function bytesOf({ content }: Attachment): Uint8Array {
  return typeof content === "string" ? Buffer.from(content) : new Uint8Array(content);
}

function fileOf(attachment: Attachment, index: number): MailFile {
  const { mimeType, filename } = attachment;
  const bytes = bytesOf(attachment).length;
  const mediaType = /^[\w.+-]{1,80}\/[\w.+-]{1,120}$/.test(mimeType)
    ? mimeType
    : "application/octet-stream";
  return { name: fileName(filename, mediaType, index), mediaType, bytes };
}

const ENDINGS: Readonly<Record<string, string>> = {
  "message/rfc822": "eml",
  "text/calendar": "ics",
  "text/plain": "txt",
  "text/html": "html",
  "application/pdf": "pdf",
  "image/jpeg": "jpg",
  "image/png": "png",
  "image/gif": "gif",
};

/** A name and nothing but a name: no folders, no device, nothing hidden. */
function fileName(given: string | null, mediaType: string, index: number): string {
  const last =
    headerText(withWindowsMarks(given ?? ""), 1_000)
      .split(/[/\\]/)
      .at(-1) ?? "";
  const name = last.replace(/[<>:"|?*\u202a-\u202e\u2066-\u2069]/g, "_").replace(/^[.\s]+/, "");
  if (name !== "") return shortened(name);
  return `attachment-${index + 1}.${ENDINGS[mediaType] ?? "bin"}`;
}

/** The ending stays: by it people know what a file is. */
function shortened(name: string): string {
  const chars = [...name];
  if (chars.length <= emailLimits.fileNameChars) return name;
  const ending = /\.[^.]{1,12}$/.exec(name)?.[0] ?? "";
  return chars.slice(0, emailLimits.fileNameChars - ending.length).join("") + ending;
}
