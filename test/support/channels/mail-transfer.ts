// A mail server between ours and the mailboxes: npm's smtp-server takes mail on the loopback and hands it
// on by LMTP, or answers as a test tells it to.

import { once } from "node:events";
import { SMTPServer, type SMTPServerDataStream } from "smtp-server";
import { PASSWORD } from "./dovecot.ts";

/** What it does with a mail. */
export type Behaviour =
  /** Hands it on. */
  | "deliver"
  /** Answers with this code where it says so. */
  | { readonly at: "from" | "to" | "data"; readonly code: number; readonly text: string }
  /** Cuts the line: before the mail has come, or after it was handed on and before it says so. */
  | "cut-before"
  | "cut-after"
  /** Takes the mail and never says anything. */
  | "silent"
  /** Agrees to the recipient only then. */
  | { readonly at: "later"; readonly when: Promise<void> };

/** A running one. */
export interface MailTransfer {
  readonly port: number;
  /** What it does from now on: once each, in order; then it delivers. */
  next(...behaviours: readonly Behaviour[]): void;
  /** The next recipient has been named. */
  named(): Promise<void>;
  /** Waited for before a recipient is agreed to. */
  onRecipient: () => Promise<void>;
  /** Mails that came in whole. */
  readonly taken: readonly { readonly to: readonly string[]; readonly raw: Buffer }[];
  stop(): Promise<void>;
}

/** @param deliver where mails go; default: nowhere. @param tls implicit, with this certificate. */
export async function startMailTransfer(
  deliver: (raw: Buffer, users: readonly string[], from: string) => Promise<void> = async () =>
    undefined,
  tls?: { readonly cert: string; readonly key: string },
): Promise<MailTransfer> {
  const queue: Behaviour[] = [];
  const taken: { to: readonly string[]; raw: Buffer }[] = [];
  const sockets = new Map<string, { destroy(): void }>();
  const waiting: (() => void)[] = [];
  let now: Behaviour = "deliver";
  const refusal = (at: string): Error | null =>
    typeof now === "object" && now.at !== "later" && now.at === at
      ? Object.assign(new Error(now.text), { responseCode: now.code })
      : null;
  const server = new SMTPServer({
    ...(tls === undefined ? {} : { secure: true, ...tls }),
    authOptional: true,
    authMethods: ["PLAIN", "LOGIN"],
    allowInsecureAuth: true,
    disabledCommands: ["STARTTLS"],
    hideENHANCEDSTATUSCODES: true,
    closeTimeout: 200,
    onAuth: ({ password }, _session, done) => {
      if (password === PASSWORD) done(null, { user: "agent" });
      else done(new Error("wrong password"));
    },
    onMailFrom: (_address, _session, done) => {
      now = queue.shift() ?? "deliver";
      done(refusal("from"));
    },
    onRcptTo: (_address, session, done) => {
      for (const tell of waiting.splice(0)) tell();
      if (now === "cut-before") sockets.get(session.id)?.destroy();
      else if (typeof now === "object" && now.at === "later") void now.when.then(() => done());
      else {
        const refused = refusal("to");
        void transfer.onRecipient().then(() => done(refused));
      }
    },
    onData: (stream, session, done) => {
      const behaviour = now;
      const whole = read(stream).then(async (raw) => {
        const refused = refusal("data");
        if (refused !== null) return done(refused);
        const to = session.envelope.rcptTo.map(({ address }) => address);
        const from = session.envelope.mailFrom === false ? "" : session.envelope.mailFrom.address;
        taken.push({ to, raw });
        await deliver(
          raw,
          to.map((one) => one.split("@")[0] ?? ""),
          from,
        );
        if (behaviour === "cut-after") sockets.get(session.id)?.destroy();
        else if (behaviour !== "silent") done();
      });
      // A line that ends within a mail has ended.
      whole.catch(() => undefined);
    },
  });
  server.on("error", () => undefined);
  server.onConnect = (session, done) => {
    const connections = [
      ...(server as unknown as { connections: Set<{ id: string; _socket: { destroy(): void } }> })
        .connections,
    ];
    const connection = connections.find(({ id }) => id === session.id);
    if (connection !== undefined) sockets.set(session.id, connection._socket);
    done();
  };
  const listener = server.listen(0, "127.0.0.1");
  await once(listener, "listening");
  const address = listener.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  const transfer: MailTransfer = {
    port: address.port,
    onRecipient: async () => undefined,
    next: (...behaviours) => void queue.push(...behaviours),
    named: () => new Promise((resolve) => void waiting.push(resolve)),
    taken,
    stop: () => new Promise((resolve) => server.close(() => resolve())),
  };
  return transfer;
}

async function read(stream: SMTPServerDataStream): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of stream) parts.push(part as Buffer);
  return Buffer.concat(parts);
}
