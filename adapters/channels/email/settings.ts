// What an e-mail account may say, and the same with its defaults.

import { type Static, Type } from "../../../actors/schema.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import { addressId, domainOf } from "./address.ts";
import { emailLimits } from "./limits.ts";

const MOST = 300;
const text = (description: string, maxLength = MOST) =>
  Type.Optional(Type.String({ minLength: 1, maxLength, description }));
const flag = (description: string) => Type.Optional(Type.Boolean({ description }));
const list = (description: string) =>
  Type.Optional(
    Type.Array(Type.String({ minLength: 1, maxLength: MOST }), { maxItems: 50, description }),
  );
const port = (description: string) =>
  Type.Optional(Type.Integer({ minimum: 1, maximum: 65_535, description }));
const tls = (description: string) =>
  Type.Optional(
    Type.Union([Type.Literal("implicit"), Type.Literal("starttls"), Type.Literal("none")], {
      description,
    }),
  );

/** Settings of an account. */
export const emailSettings = Type.Object(
  {
    address: Type.String({
      minLength: 3,
      maxLength: MOST,
      description: "Our address: mail to it is answered, and answers come from it.",
    }),
    name: text("The name beside our address.", emailLimits.nameChars),
    aliases: list("Further addresses of ours: mail from them is our own."),
    user: text("Name for the login. Default: the address."),
    password: Type.String({
      minLength: 1,
      maxLength: 1_000,
      description: "Password of the login.",
    }),
    imap_host: Type.String({ minLength: 1, maxLength: 253, description: "The IMAP server." }),
    imap_port: port("Default 993, or 143 without implicit TLS."),
    imap_tls: tls(
      "implicit: from the first byte; starttls: required; none: in the clear. Default implicit.",
    ),
    smtp_host: Type.String({ minLength: 1, maxLength: 253, description: "The SMTP server." }),
    smtp_port: port("Default 465, or 587 without implicit TLS."),
    smtp_tls: tls("As imap_tls. Default implicit."),
    smtp_user: text("Default: user."),
    smtp_password: text("Default: password.", 1_000),
    smtp_login: flag("Whether the SMTP server wants a login. Default true."),
    tls_ca: text("Certificates (PEM) of the authority that signs the servers' own.", 100_000),
    mailbox: text("The folder that is watched. Default INBOX."),
    sent_copies: flag(
      "Whether what is sent is kept in the sent folder, by which a lost send is found again. Default true.",
    ),
    sent_mailbox: text("The sent folder. Default: the one that the server marks as such."),
    poll_seconds: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 3_600,
        description: "The folder is looked at this often, besides IDLE. Default 300.",
      }),
    ),
    timeout_seconds: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 120,
        description: "A server that answers nothing so long is given up. Default 25.",
      }),
    ),
    mail_bytes_max: Type.Optional(
      Type.Integer({
        minimum: emailLimits.mailBytesMin,
        maximum: emailLimits.mailBytesMax,
        description: "Larger mails are set aside with their headers. Default 25 MiB.",
      }),
    ),
    authserv_id: text(
      "Name under which our mail server writes Authentication-Results. Without it no sender is verified.",
    ),
    require_auth: flag(
      "Whether mail of senders who are not verified (DKIM or DMARC) is set aside. Default false.",
    ),
    answer_lists: list("List-Id of mailing lists whose mail is answered. Default: none is."),
    forms: list(
      "Addresses of forms and gateways that write for people: in their mail Reply-To is who has written.",
    ),
    claim_mails: flag(
      "Whether a mail is marked with a keyword of ours before it is taken in, by which of several servers that watch one mailbox a single one answers it. Default true.",
    ),
    quote: flag("Whether the mail that is answered stands below the answer. Default false."),
    plus_addressing: flag(
      "Whether Reply-To is our address with a +tag, by which a thread is found that a mail program has cut off. Default false.",
    ),
    thread_secret: text("Signs thread marks. Default: made once and kept.", 1_000),
  },
  { additionalProperties: false },
);

/** As written. */
export type EmailSettings = Static<typeof emailSettings>;

/** How a connection is protected. */
export type Tls = "implicit" | "starttls" | "none";

/** One server, and the login there. */
export interface Server {
  readonly host: string;
  readonly port: number;
  readonly tls: Tls;
  readonly user: string;
  readonly password: string;
  readonly ca: string | undefined;
}

/** Settings with their defaults. */
export interface EmailOptions {
  /** As an id. */
  readonly address: string;
  readonly name: string;
  /** Of `address` and all aliases. */
  readonly own: ReadonlySet<string>;
  readonly domain: string;
  readonly imap: Server;
  readonly smtp: Server & { readonly login: boolean };
  readonly mailbox: string;
  readonly sentCopies: boolean;
  readonly sentMailbox: string | undefined;
  readonly pollMs: number;
  readonly timeoutMs: number;
  readonly mailBytesMax: number;
  readonly authservId: string | undefined;
  readonly requireAuth: boolean;
  readonly answerLists: ReadonlySet<string>;
  /** Senders whose Reply-To is who has written. */
  readonly forms: ReadonlySet<string>;
  readonly claimMails: boolean;
  readonly quote: boolean;
  readonly plusAddressing: boolean;
  readonly threadSecret: string | undefined;
}

/** @throws RuntimeError INVALID with the pointer of what is wrong. */
export function emailOptions(settings: EmailSettings): EmailOptions {
  const address = own(settings.address, "/settings/address");
  const aliases = (settings.aliases ?? []).map((one, index) =>
    own(one, `/settings/aliases/${index}`),
  );
  if (settings.require_auth === true && settings.authserv_id === undefined) {
    throw wrong(
      "/settings/authserv_id",
      "require_auth needs authserv_id: without it nobody is verified",
    );
  }
  const user = settings.user ?? settings.address;
  const { password, tls_ca: ca } = settings;
  const imapTls = settings.imap_tls ?? "implicit";
  const smtpTls = settings.smtp_tls ?? "implicit";
  return {
    address,
    name: settings.name ?? "",
    own: new Set([address, ...aliases]),
    domain: domainOf(address),
    imap: {
      host: host(settings.imap_host, "/settings/imap_host"),
      port: settings.imap_port ?? (imapTls === "implicit" ? 993 : 143),
      ...{ tls: imapTls, user, password, ca },
    },
    smtp: {
      host: host(settings.smtp_host, "/settings/smtp_host"),
      port: settings.smtp_port ?? (smtpTls === "implicit" ? 465 : 587),
      ...{ tls: smtpTls, user: settings.smtp_user ?? user, ca },
      password: settings.smtp_password ?? password,
      login: settings.smtp_login ?? true,
    },
    mailbox: settings.mailbox ?? "INBOX",
    sentCopies: settings.sent_copies ?? true,
    sentMailbox: settings.sent_mailbox,
    pollMs: (settings.poll_seconds ?? 300) * 1_000,
    timeoutMs: (settings.timeout_seconds ?? 25) * 1_000,
    mailBytesMax: settings.mail_bytes_max ?? emailLimits.mailBytes,
    authservId: settings.authserv_id?.toLowerCase(),
    requireAuth: settings.require_auth ?? false,
    answerLists: new Set((settings.answer_lists ?? []).map((id) => id.toLowerCase())),
    forms: new Set(
      (settings.forms ?? []).map((one, index) => own(one, `/settings/forms/${index}`)),
    ),
    claimMails: settings.claim_mails ?? true,
    quote: settings.quote ?? false,
    plusAddressing: settings.plus_addressing ?? false,
    threadSecret: settings.thread_secret,
  };
}

function own(address: string, pointer: string): string {
  const id = addressId(address);
  if (id === null) throw wrong(pointer, `"${address.slice(0, 80)}" is no mail address`);
  return id;
}

function host(name: string, pointer: string): string {
  if (/^[A-Za-z0-9.:_-]+$/.test(name)) return name.toLowerCase();
  throw wrong(pointer, `"${name.slice(0, 80)}" is no host: a name or an address, without a port`);
}

function wrong(pointer: string, why: string): RuntimeError {
  return new RuntimeError("INVALID", `The e-mail account is not right: ${why}.`, { pointer });
}
