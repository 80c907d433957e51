// The bytes of a mail: whom it goes to, what it answers, its body. The same part under the same key is the
// same Message-ID, so that a mail that is sent twice is one mail to whoever gets it. Nothing that a
// correspondent wrote can end a header.

import MailComposer from "nodemailer/lib/mail-composer";
import type { ChannelData } from "../../../actors/channels/inbound.ts";
import { escaped } from "../../markup.ts";
import { addressId, displayName, domainOf, headerText } from "./address.ts";
import { loopMark, type MailAddress } from "./events.ts";
import { emailLimits } from "./limits.ts";
import { idsIn, type Marks, referencesFor, threadOfRoot } from "./message-ids.ts";
import type { MailBody } from "./render.ts";
import type { EmailOptions } from "./settings.ts";
import { replySubject } from "./thread.ts";

/** A mail, ready to be sent. */
export interface Composed {
  readonly id: string;
  readonly to: string;
  readonly raw: Buffer;
}

/** A stored address, read; null: it is none to which a mail can be sent. */
export function mailAddress(address: ChannelData): MailAddress | null {
  const { to, name, thread, subject, inReplyTo, references, quote } = address;
  const id = typeof to === "string" ? addressId(to) : null;
  if (id === null) return null;
  const parent = typeof inReplyTo === "string" ? idsIn(inReplyTo)[0] : undefined;
  const chain = Array.isArray(references) ? references : [];
  const quoted = quote as { readonly text?: unknown; readonly atMs?: unknown } | undefined;
  return {
    to: id,
    ...(typeof name === "string" ? { name } : {}),
    thread: typeof thread === "string" ? thread : threadOfRoot(id),
    subject: typeof subject === "string" ? subject : "",
    ...(address["isFirst"] === true && { isFirst: true as const }),
    ...(parent === undefined ? {} : { inReplyTo: parent }),
    references: idsIn(chain.filter((one) => typeof one === "string").join(" ")),
    ...(typeof quoted?.text === "string" && typeof quoted.atMs === "number"
      ? { quote: { text: quoted.text, atMs: quoted.atMs } }
      : {}),
  };
}

/** Where a mail goes that answers none; null: it is no address. @param key of a thread of its own. */
export function firstMail(to: string, subject: string, key: string) {
  const id = addressId(to);
  if (id === null) return null;
  const thread = threadOfRoot(key);
  const address: MailAddress = { to: id, thread, subject, isFirst: true, references: [] };
  return { conversation: id, address: { ...address } };
}

/** Of a mail under a key. */
export function messageIdFor(to: MailAddress, key: string, marks: Marks): string {
  return marks.messageId({ thread: to.thread, key, to: to.to });
}

/** @param files bytes of `body.files`, in their order. */
export async function compose(
  body: MailBody,
  to: MailAddress,
  about: {
    readonly key: string;
    readonly marks: Marks;
    readonly options: EmailOptions;
    readonly nowMs: number;
    readonly files: readonly Uint8Array[];
  },
): Promise<Composed> {
  const { key, marks, options, nowMs, files } = about;
  const id = messageIdFor(to, key, marks);
  const references = referencesFor(to.references, to.inReplyTo ?? "").filter((one) => one !== "");
  const said = to.isFirst ? to.subject : replySubject(to.subject);
  const subject = headerText(said, emailLimits.subjectChars);
  const composer = new MailComposer({
    messageId: id,
    date: new Date(nowMs),
    from: named(options.name, options.address),
    to: named(to.name, to.to),
    ...(options.plusAddressing ? { replyTo: tagged(options, to, marks) } : {}),
    subject,
    ...(to.inReplyTo === undefined ? {} : { inReplyTo: to.inReplyTo }),
    ...(references.length === 0 ? {} : { references: [...references] }),
    headers: {
      "Auto-Submitted": to.isFirst ? "auto-generated" : "auto-replied",
      "X-Auto-Response-Suppress": "All",
      "X-Loop": loopMark(options),
    },
    ...withQuote(body, to),
    attachments: body.files.map(({ name, mediaType }, index) => ({
      filename: headerText(name, emailLimits.fileNameChars),
      contentType: mediaType,
      content: Buffer.from(files[index] ?? []),
    })),
    // Nothing that a model writes may name a file of this machine, or an address to fetch.
    ...{ disableFileAccess: true, disableUrlAccess: true },
  });
  return { id, to: to.to, raw: await composer.compile().build() };
}

function named(name: string | undefined, address: string): { name: string; address: string } {
  return { name: displayName(name) ?? "", address };
}

function tagged({ address, domain }: EmailOptions, to: MailAddress, marks: Marks): string {
  const local = address.slice(0, -domainOf(address).length - 1);
  return `${local}+${marks.tag(to.thread, to.to)}@${domain}`;
}

/** The mail that is answered, below the answer, as mail programs write it. */
function withQuote(body: MailBody, to: MailAddress): { text: string; html?: string } {
  const { text, html } = body;
  if (to.quote === undefined) return { text, ...(html === undefined ? {} : { html }) };
  const day = new Date(to.quote.atMs).toUTCString();
  const line = `On ${day}, ${displayName(to.name) ?? to.to} wrote:`;
  const quoted = to.quote.text.split("\n").map((one) => `> ${one}`.trimEnd());
  return {
    text: `${text}\n\n${line}\n${quoted.join("\n")}\n`,
    ...(html === undefined
      ? {}
      : {
          html: `${html}<p>${escaped(line)}</p><blockquote style="margin:0 0 0 .8ex;border-left:1px solid #ccc;padding-left:1ex">${escaped(to.quote.text).replaceAll("\n", "<br>\n")}</blockquote>`,
        }),
  };
}
