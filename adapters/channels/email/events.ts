// A mail as an event: what it says to the agent, whose it is, where an answer goes. Pure but for the
// reading of the mail itself; nothing is remembered from one mail to the next.

import { createHash } from "node:crypto";
import type { FileRef, Inbound, Sender } from "../../../actors/channels/inbound.ts";
import { channelLimits } from "../../../actors/channels/limits.ts";
import type { Parked } from "../adapter.ts";
import { displayName, localOf } from "./address.ts";
import { automaticBy, plain } from "./automatic.ts";
import { choiceIn } from "./choice.ts";
import { emailLimits } from "./limits.ts";
import { type Mail, mailOf } from "./mail.ts";
import type { Marks } from "./message-ids.ts";
import { readApart } from "./reader.ts";
import { reportKind, reportOf } from "./report.ts";
import { isVerified } from "./sender-auth.ts";
import type { EmailOptions } from "./settings.ts";
import { bareSubject, threadOf } from "./thread.ts";
import { trimmed } from "./trim.ts";

/** Where an answer goes. */
export interface MailAddress {
  readonly to: string;
  readonly name?: string;
  readonly thread: string;
  readonly subject: string;
  /** Nothing is answered: the subject stands as it is. */
  readonly isFirst?: true;
  /** The mail that is answered, and the chain before it. */
  readonly inReplyTo?: string;
  readonly references: readonly string[];
  /** What is quoted below the answer. */
  readonly quote?: { readonly text: string; readonly atMs: number };
}

/** A mail in its mailbox. */
export interface Fetched {
  readonly raw: Uint8Array;
  readonly mailbox: string;
  readonly uidValidity: string;
  readonly uid: number;
  /** When the server got it. */
  readonly atMs: number;
}

/** What becomes of a mail: events, or why it is set aside; neither where there is nothing to tell. */
export interface Read {
  readonly events: readonly Inbound[];
  readonly parked: readonly Parked[];
}

/** The value of X-Loop in what we send. */
export function loopMark(options: Pick<EmailOptions, "address">): string {
  return `troupe ${options.address}`;
}

/** Never throws for what a mail holds. */
export async function readEvents(
  fetched: Fetched,
  options: EmailOptions,
  marks: Marks,
): Promise<Read> {
  try {
    return eventsOf(mailOf(await readApart(fetched.raw)), fetched, options, marks);
  } catch (error) {
    const why = error instanceof Error ? error.message : "it cannot be read";
    return setAside(`A mail could not be read: ${why}`, fetched.raw);
  }
}

/** A mail that is kept to be looked at: its beginning. */
export function setAside(reason: string, raw: Uint8Array): Read {
  const head = Buffer.from(raw.subarray(0, channelLimits.parkedBytes)).toString("latin1");
  return { events: [], parked: [{ reason: reason.slice(0, emailLimits.reasonChars), raw: head }] };
}

function eventsOf(mail: Mail, fetched: Fetched, options: EmailOptions, marks: Marks): Read {
  const kind = reportKind(mail);
  // Receipts of reading and reports of other kinds say nothing that anybody asked for.
  if (kind === "other") return { events: [], parked: [] };
  if (kind === "delivery") return reported(mail, fetched, marks);
  const [from] = mail.from;
  if (from === undefined || mail.from.length !== 1) {
    return setAside("A mail does not name exactly one sender in From.", fetched.raw);
  }
  const isKnown = isVerified(mail, from, options.authservId);
  const sender = writerOf(mail, from, isKnown, options);
  if (options.requireAuth && !isKnown && !sender.isSelf) {
    return setAside("The sender of a mail is not verified by DKIM or DMARC.", fetched.raw);
  }
  const { id } = sender;
  const thread = threadOf(mail, id, marks);
  const { text, isTrimmed } = trimmed(mail.text);
  const event = {
    dedupe: [`mail:${digest(from, mail.id)}`],
    place: { conversation: id, thread, user: id, isDirect: true },
    address: { ...addressOf(mail, sender, thread, text, fetched.atMs, options) },
    sender,
    atMs: fetched.atMs,
  };
  const message = mail.id.startsWith("raw:") ? `raw:${digest(mail.id)}` : mail.id;
  const action = choiceIn(text, mail.text);
  if (action !== null) {
    const answered = mail.inReplyTo[0];
    const of = answered === undefined ? {} : { message: answered };
    return { events: [{ ...event, kind: "action", action, ...of }], parked: [] };
  }
  const files = mail.files.slice(0, channelLimits.files).map(fileRef(fetched));
  const answers = mail.inReplyTo[0];
  return {
    events: [
      {
        ...event,
        ...{ kind: "message", message, text: said(mail, text, isTrimmed) },
        ...(files.length === 0 ? {} : { files }),
        ...(answers === undefined ? {} : { answers }),
      },
    ],
    parked: [],
  };
}

/** Who has written: the sender, or whom a form names as such. */
function writerOf(mail: Mail, from: string, isKnown: boolean, options: EmailOptions): Sender {
  const person = options.forms.has(from) ? mail.replyTo : null;
  const id = person ?? from;
  const name = person === null ? displayName(mail.fromName) : undefined;
  const automatic = automaticBy(mail, id, { ...options, loop: loopMark(options) });
  return {
    id,
    ...(name === undefined ? {} : { name }),
    isBot: false,
    // With a +tag too: that is our own address in Reply-To.
    isSelf: [from, id].some((one) => options.own.has(one) || isTagOfOurs(one, options)),
    isAutomatic: automatic !== null,
    // Whoever fills a form in may write any name there.
    isVerified: isKnown && person === null,
  };
}

function isTagOfOurs(id: string, { own }: EmailOptions): boolean {
  return localOf(id).tag !== null && own.has(plain(id));
}

function addressOf(
  mail: Mail,
  { id, name }: Sender,
  thread: string,
  text: string,
  atMs: number,
  options: EmailOptions,
): MailAddress {
  const chain = mail.references.length > 0 ? mail.references : mail.inReplyTo.slice(0, 1);
  const isKnownById = !mail.id.startsWith("raw:");
  const quote = { text: cut(text, emailLimits.quoteChars), atMs: mail.atMs ?? atMs };
  return {
    to: id,
    ...(name === undefined ? {} : { name }),
    thread,
    subject: mail.subject,
    ...(isKnownById ? { inReplyTo: mail.id } : {}),
    references: chain,
    ...(options.quote && text !== "" ? { quote } : {}),
  };
}

/** The text that is given to the agent. */
function said(mail: Mail, text: string, isTrimmed: boolean): string {
  // A command is its line alone.
  if (text.startsWith("/")) return cut(text, channelLimits.textChars + 1);
  const subject = bareSubject(mail.subject);
  const begins = mail.inReplyTo.length === 0 && mail.references.length === 0;
  const further = mail.files.slice(channelLimits.files).map(({ name }) => name);
  const parts = [
    begins && subject !== "" ? `Subject: ${subject}` : "",
    // One character more than is taken, so that whoever cuts it knows.
    cut(text, channelLimits.textChars + 1),
    isTrimmed ? "[Earlier messages that this mail quotes were left out.]" : "",
    further.length === 0
      ? ""
      : `[${further.length} further files were left out: ${cut(further.join(", "), emailLimits.furtherNamesChars)}]`,
  ];
  return parts.filter((part) => part !== "").join("\n\n");
}

function fileRef(fetched: Fetched): (file: Mail["files"][number], index: number) => FileRef {
  const { mailbox, uidValidity, uid } = fetched;
  return ({ name, mediaType, bytes }, part) => ({
    id: `${uidValidity}.${uid}.${part}`,
    ...{ name, mediaType, bytes },
    at: { mailbox, uidValidity, uid, part },
  });
}

function reported(mail: Mail, { atMs }: Fetched, marks: Marks): Read {
  const report = reportOf(mail, marks);
  if (report === null) return { events: [], parked: [] };
  const { to, thread, receipt, state, reason } = report;
  const address: MailAddress = { to, thread, subject: "", references: [receipt] };
  return {
    events: [
      {
        kind: "status",
        dedupe: [`mail:${digest(mail.from[0] ?? "", mail.id)}`],
        place: { conversation: to, thread, user: to, isDirect: true },
        address: { ...address },
        sender: {
          ...{ id: mail.from[0] ?? to, isBot: true, isSelf: false },
          ...{ isAutomatic: true, isVerified: false },
        },
        ...{ atMs, receipt, state },
        ...(state === "failed" ? { reason, failure: "gone" as const } : {}),
      },
    ],
    parked: [],
  };
}

function cut(text: string, chars: number): string {
  if (text.length <= chars) return text;
  const end = /[\ud800-\udbff]/.test(text.charAt(chars - 1)) ? chars - 1 : chars;
  return text.slice(0, end);
}

function digest(...parts: readonly string[]): string {
  return createHash("sha256").update(JSON.stringify(parts)).digest("base64url");
}
