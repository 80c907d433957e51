// A connection to the mailbox. Opened to an address that the egress guard has checked, bounded in what it
// answers and how long it takes; what goes wrong is said in words without secrets.

import { ImapFlow } from "imapflow";
import { RuntimeError } from "../../../runtime/errors.ts";
import type { ChannelEnvironment } from "../adapter.ts";
import { headerText } from "./address.ts";
import { emailLimits } from "./limits.ts";
import type { EmailOptions, Server } from "./settings.ts";

/** The address that a connection is opened to. @throws RuntimeError EGRESS_REFUSED, INVALID. */
export async function addressOfHost(
  environment: ChannelEnvironment,
  host: string,
): Promise<string> {
  if (environment.resolveHost === undefined) {
    throw new RuntimeError("INVALID", "This server opens no connections to mail servers.");
  }
  return await environment.resolveHost(host);
}

/**
 * Logged in; the caller closes it. @param signal gives up while it is being opened, and says nothing afterwards.
 * @throws what imapflow throws; `said` words it.
 */
export async function openImap(
  options: EmailOptions,
  environment: ChannelEnvironment,
  signal: AbortSignal,
): Promise<ImapFlow> {
  signal.throwIfAborted();
  const { imap, timeoutMs, mailBytesMax } = options;
  const client = new ImapFlow({
    host: await addressOfHost(environment, imap.host),
    port: imap.port,
    secure: imap.tls === "implicit",
    doSTARTTLS: imap.tls === "starttls",
    ...tlsOf(imap),
    auth: { user: imap.user, pass: imap.password },
    logger: false,
    autoIdleDelay: emailLimits.idleDelayMs,
    maxIdleTime: emailLimits.idleMs,
    ...{ connectionTimeout: timeoutMs, greetingTimeout: timeoutMs },
    socketTimeout: emailLimits.idleMs + timeoutMs,
    maxLiteralSize: mailBytesMax + emailLimits.answerBytes,
    maxLineLength: emailLimits.answerBytes,
    maxResponseSize: mailBytesMax + 2 * emailLimits.answerBytes,
    clientInfo: { name: "troupe" },
  });
  // What it says is told by `close` and by the command that fails.
  client.on("error", () => undefined);
  const abort = () => client.close();
  signal.addEventListener("abort", abort, { once: true });
  try {
    await within(client, client.connect(), 2 * timeoutMs);
    return client;
  } catch (error) {
    client.close();
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

/** The certificate is of the name, whatever address is connected to. */
export function tlsOf({ host, ca }: Server): {
  readonly servername: string;
  readonly tls: { readonly servername: string; readonly ca?: string };
} {
  return { servername: host, tls: { servername: host, ...(ca === undefined ? {} : { ca }) } };
}

/** The connection is closed when a command takes longer: nothing else ends one that a dead server never answers. */
export async function within<Result>(
  client: ImapFlow,
  work: Promise<Result>,
  ms: number,
): Promise<Result> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      client.close();
      reject(new Error(`the server has not answered for ${ms} ms`));
    }, ms);
  });
  work.catch(() => undefined);
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** What imapflow and nodemailer say besides a message. */
interface Failure {
  readonly code?: unknown;
  readonly responseText?: unknown;
  readonly response?: unknown;
  readonly authenticationFailed?: unknown;
  readonly serverResponseCode?: unknown;
}

/** Whether the login was refused for good: a server that cannot look a password up says so. */
export function isRefused(error: unknown): boolean {
  const { authenticationFailed, serverResponseCode } = error as Failure;
  return (
    authenticationFailed === true &&
    !["UNAVAILABLE", "SERVERBUG", "LIMIT", "INUSE"].includes(String(serverResponseCode))
  );
}

/** An error in a line for people. Passwords are taken out, should a server repeat one. */
export function said(error: unknown, options: EmailOptions): string {
  const { code, responseText, response } = error as Failure;
  const words = [responseText, response].find((one) => typeof one === "string" && one !== "");
  const message = error instanceof Error ? error.message : String(error);
  const text = [typeof code === "string" ? code : "", String(words ?? message)];
  const secrets = [options.imap.password, options.smtp.password, options.threadSecret ?? ""]
    .filter((one) => one !== "")
    .flatMap((one) => [one, Buffer.from(one).toString("base64")]);
  const line = secrets.reduce(
    (shown, secret) => shown.replaceAll(secret, "***"),
    text.filter((one) => one !== "").join(": "),
  );
  return headerText(line, emailLimits.reasonChars);
}
