// E-mail: a mailbox that is watched over IMAP, answers over SMTP. Facts and rules are in the files beside
// this one; here they are put together.

import { randomBytes } from "node:crypto";
import type { ChannelData } from "../../../actors/channels/inbound.ts";
import type { Part, Reconciled, SendResult } from "../../../actors/channels/outgoing.ts";
import type { ChannelEnvironment, SendOptions } from "../adapter.ts";
import { type DefinedInstance, defineChannel } from "../define.ts";
import { type Composed, compose, firstMail, mailAddress, messageIdFor } from "./compose.ts";
import { Desk } from "./desk.ts";
import type { MailAddress } from "./events.ts";
import { fetchMailFile } from "./files.ts";
import { isRefused, said } from "./imap.ts";
import { emailLimits } from "./limits.ts";
import { type Marks, marks } from "./message-ids.ts";
import { probeMail } from "./probe.ts";
import { type MailBody, renderMail } from "./render.ts";
import { reconciledBy, SentFolder } from "./sent.ts";
import { type EmailOptions, emailOptions, emailSettings } from "./settings.ts";
import { Slots } from "./slots.ts";
import { watchMailbox } from "./source.ts";
import { Smtp } from "./transport.ts";

/** The adapter. */
export const email = defineChannel({
  kind: "email",
  settings: emailSettings,
  secrets: ["password", "smtp_password", "thread_secret"],
  capabilities: {
    textMax: 500_000,
    textUnit: "utf16",
    edit: false,
    buttons: true,
    typingMs: 0,
    fileBytesMax: emailLimits.filesBytes,
    // Longer than a mailbox that was numbered anew is read again.
    dedupeHours: 31 * 24,
    // As long as mail servers try.
    deliverWithinMs: 5 * 24 * 3_600_000,
    accountRate: { calls: 60, perMs: 60_000, burst: 20 },
    conversationRate: { calls: 10, perMs: 60_000, burst: 5 },
  },
  sessionScope: "thread",
  create: (settings, environment) =>
    new MailAccount(emailOptions(settings), environment).instance(),
});

/** One mailbox, open. */
class MailAccount {
  readonly #options: EmailOptions;
  readonly #environment: ChannelEnvironment;
  readonly #desk: Desk;
  readonly #smtp: Smtp;
  readonly #sent: SentFolder;
  readonly #slots = new Slots(emailLimits.smtpConnections);
  #marks: Promise<Marks> | undefined;

  constructor(options: EmailOptions, environment: ChannelEnvironment) {
    this.#options = options;
    this.#environment = environment;
    this.#desk = new Desk(options, environment);
    this.#smtp = new Smtp(options, environment);
    this.#sent = new SentFolder(options);
  }

  instance(): DefinedInstance {
    const options = this.#options;
    const environment = this.#environment;
    const ofMarks = () => this.#ownMarks();
    return {
      routes: [],
      source: (sink, signal) =>
        watchMailbox({ options, environment, marks: ofMarks, sink }, signal),
      render: (outgoing) => renderMail(outgoing, true),
      renderPlain: (outgoing) => renderMail(outgoing, false),
      send: (part, address, about) => this.#send(part, address, about),
      reach: (to, { subject, key }) => firstMail(to, subject, key),
      reconcile: (_part, address, about) => this.#reconcile(address, about),
      fetchFile: (file, bytesMax, signal) =>
        fetchMailFile(file, bytesMax, { desk: this.#desk, options, signal }),
      probe: (signal) => probeMail(options, environment, this.#smtp, signal),
      close: async () => {
        this.#desk.close();
        this.#smtp.close();
      },
    };
  }

  /** Under the account's own secret: made once, so that a new password does not part threads from their answers. */
  #ownMarks(): Promise<Marks> {
    const { threadSecret, domain } = this.#options;
    const made = async () => {
      const fresh = () => randomBytes(32).toString("base64url");
      const secret =
        threadSecret ??
        (await this.#environment.kept.update("thread_secret", async (before) => before ?? fresh()));
      return marks(secret, domain);
    };
    this.#marks ??= made().catch((error: unknown) => {
      this.#marks = undefined;
      throw error;
    });
    return this.#marks;
  }

  async #send(part: Part, address: ChannelData, about: SendOptions): Promise<SendResult> {
    const to = mailAddress(address);
    if (to === null)
      return { ok: false, class: "gone", reason: "The address of the answer is none." };
    const body = part.body as unknown as MailBody;
    const bytes = body.files.reduce((sum, file) => sum + file.bytes, 0);
    if (bytes > emailLimits.filesBytes) {
      const reason = `The files of the answer have ${bytes} bytes, a mail takes ${emailLimits.filesBytes}.`;
      return { ok: false, class: "format", reason };
    }
    let composed: Composed;
    try {
      composed = await this.#compose(body, to, about.key);
    } catch (error) {
      const reason = `The mail could not be written: ${said(error, this.#options)}`;
      return { ok: false, class: "retry", reason: reason.slice(0, emailLimits.reasonChars) };
    }
    let giveBack: () => void;
    try {
      giveBack = await this.#slots.take(about.signal);
    } catch {
      return { ok: false, class: "retry", reason: "No connection for the mail came free in time." };
    }
    try {
      return await this.#sendNoted(composed, about);
    } finally {
      giveBack();
    }
  }

  /** With a copy that is written before the mail goes out. */
  async #sendNoted(composed: Composed, about: SendOptions): Promise<SendResult> {
    try {
      if (this.#options.sentCopies && (await this.#note(composed, about))) {
        return { ok: true, receipt: { id: composed.id } };
      }
    } catch (error) {
      const reason = `The sent folder takes no copy: ${said(error, this.#options)}`;
      const of = isRefused(error) ? "auth" : "retry";
      return { ok: false, class: of, reason: reason.slice(0, emailLimits.reasonChars) };
    }
    const result = await this.#smtp.send(composed, about.signal);
    if (this.#options.sentCopies) await this.#settle(composed.id, result);
    return result;
  }

  async #compose(body: MailBody, to: MailAddress, key: string): Promise<Composed> {
    const files: Uint8Array[] = [];
    for (const file of body.files) files.push(await this.#environment.readFile(file));
    const nowMs = this.#environment.nowMs();
    const options = this.#options;
    return await compose(body, to, { key, marks: await this.#ownMarks(), options, nowMs, files });
  }

  /** @returns whether an earlier attempt has sent it. */
  async #note(composed: Composed, { attempt, signal }: SendOptions): Promise<boolean> {
    return await this.#desk.use(async (client) => {
      if (attempt > 1 && (await this.#sent.lookFor(client, composed.id)) === "sent") return true;
      if (!this.#sent.keepsItself(client)) await this.#sent.note(client, composed);
      return false;
    }, signal);
  }

  /** The copy says what became of it. Where that fails the mark stays, and the send would be unknown: as it is without copies. */
  async #settle(id: string, result: SendResult): Promise<void> {
    if (!result.ok && result.class === "unknown") return;
    try {
      await this.#desk.use(
        async (client) => {
          if (this.#sent.keepsItself(client)) return;
          if (result.ok) await this.#sent.confirm(client, id);
          else await this.#sent.withdraw(client, id);
        },
        AbortSignal.timeout(2 * this.#options.timeoutMs),
      );
    } catch (error) {
      this.#environment.log.write("warn", "The copy of a mail in the sent folder keeps its mark.", {
        account: this.#environment.account,
        reason: said(error, this.#options),
      });
    }
  }

  async #reconcile(address: ChannelData, { key, signal }: SendOptions): Promise<Reconciled> {
    const to = mailAddress(address);
    if (to === null || !this.#options.sentCopies) return { state: "unknown" };
    try {
      const id = messageIdFor(to, key, await this.#ownMarks());
      return await this.#desk.use(async (client) => {
        const isOurs = !this.#sent.keepsItself(client);
        return reconciledBy(await this.#sent.lookFor(client, id), id, isOurs);
      }, signal);
    } catch (error) {
      const reason = `The sent folder cannot be looked at: ${said(error, this.#options)}`;
      return { state: "later", reason: reason.slice(0, emailLimits.reasonChars) };
    }
  }
}
