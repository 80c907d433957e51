// The SMTP connections of an account. nodemailer keeps them; here is which errors mean what. A mail counts
// as begun when its first byte goes out: what breaks before that has not arrived, what breaks after may have.

import { createTransport, type Transporter } from "nodemailer";
import type { SendResult } from "../../../actors/channels/outgoing.ts";
import type { ChannelEnvironment } from "../adapter.ts";
import type { Composed } from "./compose.ts";
import { addressOfHost, said, tlsOf } from "./imap.ts";
import { emailLimits } from "./limits.ts";
import type { EmailOptions } from "./settings.ts";

/** Sends mails. */
export class Smtp {
  readonly #options: EmailOptions;
  readonly #environment: ChannelEnvironment;
  #transport: { readonly mailer: Transporter; readonly untilMs: number } | undefined;

  constructor(options: EmailOptions, environment: ChannelEnvironment) {
    this.#options = options;
    this.#environment = environment;
  }

  /** Never throws for what a server says. */
  async send({ id, to, raw }: Composed, signal: AbortSignal): Promise<SendResult> {
    const attempt: Attempt = { hasBegun: false, isGivenUp: false };
    try {
      const mailer = await this.#mailer();
      signal.throwIfAborted();
      const envelope = { from: this.#options.address, to: [to] };
      const sent = mailer.sendMail({ envelope, raw, ...{ attempt } });
      await untilAborted(sent, signal);
      return { ok: true, receipt: { id } };
    } catch (error) {
      attempt.isGivenUp = true;
      const failed = failureOf(error, attempt.hasBegun, this.#options);
      // What broke without a word from the server: the next mail begins anew, with the host looked up again.
      if ((error as { responseCode?: number }).responseCode === undefined) this.close();
      return failed;
    }
  }

  /** @throws what nodemailer throws. */
  async verify(signal: AbortSignal): Promise<void> {
    await untilAborted((await this.#mailer()).verify(), signal);
  }

  close(): void {
    this.#transport?.mailer.close();
    this.#transport = undefined;
  }

  async #mailer(): Promise<Transporter> {
    const nowMs = this.#environment.nowMs();
    if (this.#transport !== undefined && this.#transport.untilMs > nowMs) {
      return this.#transport.mailer;
    }
    this.close();
    const { smtp, timeoutMs, domain } = this.#options;
    const mailer = createTransport({
      pool: true,
      host: await addressOfHost(this.#environment, smtp.host),
      port: smtp.port,
      secure: smtp.tls === "implicit",
      requireTLS: smtp.tls === "starttls",
      ignoreTLS: smtp.tls === "none",
      ...tlsOf(smtp),
      name: domain,
      ...(smtp.login ? { auth: { user: smtp.user, pass: smtp.password } } : {}),
      maxConnections: emailLimits.smtpConnections,
      maxMessages: emailLimits.smtpMails,
      // Otherwise it sends again by itself what was cut off after the last byte.
      maxRequeues: 0,
      ...{ connectionTimeout: timeoutMs, greetingTimeout: timeoutMs },
      socketTimeout: Math.min(timeoutMs, emailLimits.smtpAnswerMs),
      ...{ disableFileAccess: true, disableUrlAccess: true },
    });
    mailer.use("stream", (mail, done) => {
      watchStart(mail.message, (mail.data as { attempt?: Attempt }).attempt);
      done();
    });
    mailer.on("error", () => undefined);
    this.#transport = { mailer, untilMs: nowMs + emailLimits.transportMs };
    return mailer;
  }
}

/** How far one attempt has come. */
interface Attempt {
  hasBegun: boolean;
  /** Whoever asked has gone: what has not begun must not begin any more. */
  isGivenUp: boolean;
}

/** The stream of a mail is read only when the server has agreed to take it: `pipe` is that moment. */
function watchStart(
  message: { createReadStream(options?: object): NodeJS.ReadableStream },
  attempt: Attempt | undefined,
): void {
  if (attempt === undefined) return;
  const create = message.createReadStream.bind(message);
  message.createReadStream = (options) => {
    const stream = create(options);
    const pipe = stream.pipe.bind(stream);
    stream.pipe = (to, how) => {
      if (attempt.isGivenUp) {
        (stream as unknown as { destroy(error: Error): void }).destroy(new Error("given up"));
        return to;
      }
      attempt.hasBegun = true;
      return pipe(to, how);
    };
    return stream;
  };
}

async function untilAborted<Result>(work: Promise<Result>, signal: AbortSignal): Promise<Result> {
  work.catch(() => undefined);
  let abort: () => void = () => undefined;
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(new Error("the send was given up"));
    signal.addEventListener("abort", abort, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

/** What an error of a send means (RFC 5321 4.2, RFC 3463). */
export function failureOf(error: unknown, hasBegun: boolean, options: EmailOptions): SendResult {
  const { code, responseCode, command } = error as {
    readonly code?: string;
    readonly responseCode?: number;
    readonly command?: string;
  };
  const reason = said(error, options);
  const failed = (of: "retry" | "auth" | "gone" | "format" | "unknown"): SendResult => ({
    ok: false,
    class: of,
    reason,
  });
  if (responseCode !== undefined) {
    if (responseCode < 500) return failed("retry");
    if (code === "EAUTH" || [530, 534, 535].includes(responseCode)) return failed("auth");
    // Who may send as whom: the account is wrong, not the mail.
    if (command === "MAIL FROM" && responseCode !== 552) return failed("auth");
    if (command === "RCPT TO") return failed("gone");
    return failed("format");
  }
  if (hasBegun) return failed("unknown");
  if (code === "EAUTH") return failed("auth");
  // Its size was announced too large by the server, or its addresses are none.
  if (code === "EMESSAGE") return failed("format");
  if (code === "EENVELOPE") return failed("gone");
  return failed("retry");
}
