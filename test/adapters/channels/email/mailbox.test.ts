// The adapter against a real Dovecot: mail comes in by LMTP and is watched over IMAP, answers go through an
// SMTP server into another mailbox. Cases 57, 61, 62, 63, 72, 73. Without Dovecot these tests skip.

import { ImapFlow } from "imapflow";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type { FileRef, MessageEvent } from "../../../../actors/channels/inbound.ts";
import type { ChannelInstance } from "../../../../adapters/channels/adapter.ts";
import { email } from "../../../../adapters/channels/email/adapter.ts";
import { readMail, readMailFile } from "../../../../adapters/channels/email/mail.ts";
import type { EmailSettings } from "../../../../adapters/channels/email/settings.ts";
import { startHole } from "../../../support/channels/black-hole.ts";
import {
  type Dovecot,
  hasDovecot,
  PASSWORD,
  startDovecot,
} from "../../../support/channels/dovecot.ts";
import {
  type KeptSink,
  keptSink,
  mailEnvironment,
  mailSettings,
} from "../../../support/channels/mail-account.ts";
import { mail } from "../../../support/channels/mail-reading.ts";
import { type MailTransfer, startMailTransfer } from "../../../support/channels/mail-transfer.ts";

const withDovecot = test.skipIf(!hasDovecot);
const FAST = { timeout: 10_000, interval: 10 };

let server: Dovecot;
let transfer: MailTransfer;
const environment = mailEnvironment();
const closers: (() => Promise<void>)[] = [];
let users = 0;
let user = "";

beforeAll(async () => {
  if (!hasDovecot) return;
  server = await startDovecot(["alice", ...Array.from({ length: 20 }, (_, one) => `agent${one}`)]);
  transfer = await startMailTransfer((raw, to, from) => server.deliver(raw, to, from));
});

afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

afterAll(async () => {
  await transfer?.stop();
  await server?.remove();
});

/** An account of the next user: each test has a mailbox of its own. */
function open(more: Partial<EmailSettings> = {}, isSame = false): ChannelInstance {
  if (!isSame) user = `agent${users++}`;
  const ports = { imap: server.imapPort, smtp: transfer.port };
  const settings = mailSettings(ports, { user, smtp_login: false, timeout_seconds: 5, ...more });
  const instance = email.create(settings, environment);
  closers.push(() => instance.close());
  return instance;
}

/** Watches until the test ends. */
async function watch(instance: ChannelInstance, sink: KeptSink = keptSink()) {
  const stopping = new AbortController();
  const before = sink.statuses.length;
  const ended = instance.source?.(sink, stopping.signal) ?? Promise.resolve();
  ended.catch(() => undefined);
  const stop = async () => {
    stopping.abort();
    await ended;
  };
  closers.push(() => stop().catch(() => undefined));
  await expect.poll(() => sink.statuses.slice(before), FAST).toContain("connected");
  return { sink, stop, ended };
}

const texts = ({ events }: KeptSink) =>
  events.map((event) => (event.kind === "message" ? event.text : event.kind));
const numbered = (number: number, more = {}) =>
  mail({ "Message-ID": `<m${number}@x>`, Subject: "", ...more }, `mail ${number}`);
const send = { key: "outbox-1", attempt: 1, signal: new AbortController().signal };

withDovecot(
  "mail that lay there is left alone, new mail comes at once, and nothing is marked as read",
  async () => {
    const instance = open();
    await server.deliver(numbered(0), [user]);
    const { sink } = await watch(instance);
    const since = performance.now();

    await server.deliver(numbered(1), [user]);
    await server.deliver(numbered(2), [user]);

    await expect.poll(() => texts(sink), FAST).toEqual(["mail 1", "mail 2"]);
    expect(performance.now() - since).toBeLessThan(5_000);
    expect(sink.stored).toMatchObject({ mailbox: "INBOX", lastUid: 3 });
    await looking(user, async (client) => {
      await client.mailboxOpen("INBOX");
      expect(await client.search({ seen: true })).toEqual([]);
    });
  },
);

withDovecot(
  "a question is answered in its thread, and the answer to that is the same session",
  async () => {
    const instance = open();
    const { sink } = await watch(instance);
    const question = mail({ From: "Alice <alice@example.test>", Subject: "Zeit — ☂" }, "How late?");
    await server.deliver(question, [user]);
    await expect.poll(() => sink.events.length, FAST).toBe(1);
    const [asked] = sink.events;
    if (asked?.kind !== "message") throw new Error("no message");
    const file = { name: "clock.txt", mediaType: "text/plain", bytes: 18, id: "f1" };
    const [part] = instance.render({ text: "It is **noon** ☂", files: [file] });
    if (part === undefined) throw new Error("no part");

    const result = await instance.send(part, asked.address, send);

    const [got] = await inbox("alice");
    const answer = await readMail(got ?? Buffer.alloc(0));
    expect(result).toEqual({ ok: true, receipt: { id: answer.id } });
    expect(answer.subject).toBe("Re: Zeit — ☂");
    expect(answer.inReplyTo).toEqual([asked.message]);
    expect(answer.text).toContain("noon");
    const attached = await readMailFile(got ?? Buffer.alloc(0), 0);
    expect(attached?.name).toBe("clock.txt");
    expect(Buffer.from(attached?.bytes ?? []).toString()).toBe("bytes of clock.txt");
    await server.deliver(mail({ "Message-ID": "<3@x>", "In-Reply-To": answer.id }, "Thanks"), [
      user,
    ]);
    await expect.poll(() => sink.events[1]?.place, FAST).toEqual(asked.place);
  },
);

withDovecot(
  "a mailbox that is numbered anew gives no mail twice and none from before (case 62)",
  async () => {
    const instance = open({ claim_mails: false });
    await server.deliver(numbered(0, { Date: "Mon, 3 Feb 2020 10:00:00 +0000" }), [user]);
    const { sink, stop } = await watch(instance);
    await server.deliver(numbered(1, { Date: new Date().toUTCString() }), [user]);
    await expect.poll(() => texts(sink), FAST).toEqual(["mail 1"]);
    await stop();
    server.renumber(user);
    await server.deliver(numbered(2, { Date: new Date().toUTCString() }), [user]);

    await watch(instance, sink);

    await expect.poll(() => texts(sink), FAST).toEqual(["mail 1", "mail 2"]);
    expect(sink.repeats).toBe(1);
    await server.deliver(numbered(3), [user]);
    await expect.poll(() => texts(sink), FAST).toEqual(["mail 1", "mail 2", "mail 3"]);
  },
);

withDovecot(
  "a server that ends connections, or dies in IDLE, costs no mail (case 63)",
  async () => {
    const instance = open();
    const { sink } = await watch(instance);
    server.kick(user);
    await server.deliver(numbered(1), [user]);
    await expect.poll(() => texts(sink), FAST).toEqual(["mail 1"]);

    await server.stop();
    await expect.poll(() => sink.statuses.at(-1), FAST).toContain("disconnected");
    await server.start();
    await server.deliver(numbered(2), [user]);
    await server.deliver(numbered(3), [user]);

    await expect.poll(() => texts(sink), FAST).toEqual(["mail 1", "mail 2", "mail 3"]);
    expect(sink.repeats).toBe(0);
  },
);

withDovecot(
  "a line on which nothing comes any more is found out and made anew (case 63)",
  async () => {
    const hole = await startHole(server.imapPort);
    closers.push(hole.stop);
    const instance = open({ imap_port: hole.port, poll_seconds: 1, timeout_seconds: 1 });
    const { sink } = await watch(instance);

    hole.swallow();
    await server.deliver(numbered(1), [user]);

    await expect.poll(() => texts(sink), FAST).toEqual(["mail 1"]);
    expect(sink.statuses.some((status) => /has not answered for 1000 ms/.test(status))).toBe(true);
  },
);

withDovecot(
  "a mail that cannot be read, or is too large, is set aside and the next one comes (case 61)",
  async () => {
    const { sink } = await watch(open({ mail_bytes_max: 100_000 }));
    const nested = Array.from(
      { length: 300 },
      (_, level) => `Content-Type: multipart/mixed; boundary=b${level}\r\n\r\n--b${level}\r\n`,
    );
    await server.deliver(Buffer.from(`From: a@b.c\r\n${nested.join("")}\r\nx`), [user]);
    await server.deliver(mail({ "X-Name": "large" }, "x".repeat(200_000)), [user]);
    await server.deliver(numbered(3), [user]);

    await expect.poll(() => texts(sink), FAST).toEqual(["mail 3"]);
    expect(sink.parked.map(({ reason }) => reason)).toEqual([
      expect.stringContaining("nesting depth"),
      expect.stringMatching(/^A mail of 2\d{5} bytes is larger than 100000\.$/),
    ]);
    expect(sink.parked[1]?.raw).toContain("X-Name: large");
  },
);

withDovecot(
  "a file is fetched when it is wanted, within its limit, while its mail is there",
  async () => {
    const instance = open();
    const { sink } = await watch(instance);
    const body = [
      "--b",
      "",
      "See there.",
      "--b",
      "Content-Type: text/csv; name=a.csv",
      "",
      "1;2",
      "--b--",
      "",
    ];
    const type = { "Content-Type": "multipart/mixed; boundary=b" };
    await server.deliver(mail(type, body.join("\r\n")), [user]);
    await expect.poll(() => sink.events.length, FAST).toBe(1);
    const [file] = (sink.events[0] as MessageEvent).files ?? [];
    const fetchFile = (of: FileRef | undefined, bytesMax: number) =>
      instance.fetchFile?.(of as FileRef, bytesMax, send.signal);

    expect(
      Buffer.from((await fetchFile(file, 100)) ?? [])
        .toString()
        .trim(),
    ).toBe("1;2");
    await expect(fetchFile(file, 2)).rejects.toMatchObject({ code: "BODY_TOO_LARGE" });
    const elsewhere = { ...file, at: { ...file?.at, mailbox: "Sent" } } as FileRef;
    await expect(fetchFile(elsewhere, 100)).rejects.toMatchObject({ code: "NOT_FOUND" });
    await looking(user, async (client) => {
      await client.mailboxOpen("INBOX");
      await client.messageDelete("1:*");
    });
    await expect(fetchFile(file, 100)).rejects.toMatchObject({ code: "NOT_FOUND" });
  },
);

withDovecot(
  "a send whose answer was lost is found in the sent folder, or is known not to be",
  async () => {
    const instance = open();
    const address = {
      to: "alice@example.test",
      thread: "t".repeat(16),
      subject: "x",
      references: [],
    };
    const [part] = instance.render({ text: "Hello" });
    if (part === undefined) throw new Error("no part");
    const sendAs = (key: string) => instance.send(part, address, { ...send, key });
    const ask = (key: string) => instance.reconcile?.(part, address, { ...send, key });
    transfer.next("deliver", { at: "to", code: 450, text: "greylisted, come back" }, "cut-after");

    const sent = await sendAs("a");
    const greylisted = await sendAs("b");
    const lost = await sendAs("c");

    expect(sent.ok).toBe(true);
    expect(greylisted).toMatchObject({ ok: false, class: "retry" });
    expect(lost).toMatchObject({ ok: false, class: "unknown" });
    expect(await ask("a")).toMatchObject({ state: "sent", receipt: sent.ok ? sent.receipt : {} });
    expect(await ask("b")).toEqual({ state: "not_sent" });
    expect(await ask("c")).toEqual({ state: "unknown" });
    expect(await ask("never")).toEqual({ state: "not_sent" });
    const away = open({ imap_port: 1 }, true);
    expect(await away.reconcile?.(part, address, send)).toMatchObject({ state: "later" });
    // What is known to be sent is not sent again, whoever asks.
    const before = transfer.taken.length;
    expect(await instance.send(part, address, { ...send, key: "a", attempt: 2 })).toEqual(sent);
    expect(transfer.taken.length).toBe(before);
    // And what nobody knows is the same mail when it is sent again.
    const again = await instance.send(part, address, { ...send, key: "c", attempt: 2 });
    const ids = await Promise.all(
      transfer.taken.slice(-2).map(async ({ raw }) => (await readMail(raw)).id),
    );
    expect(ids).toEqual([again.ok ? again.receipt.id : "", again.ok ? again.receipt.id : ""]);
  },
);

withDovecot(
  "a source stops on its signal, hands nothing over twice, and stops where a commit is refused (case 72)",
  async () => {
    const instance = open();
    const first = await watch(instance);
    await server.deliver(numbered(1), [user]);
    await expect.poll(() => texts(first.sink), FAST).toEqual(["mail 1"]);
    const { stored } = first.sink;

    await first.stop();
    expect(first.sink.statuses.at(-1)).toBe("disconnected");
    await server.deliver(numbered(2), [user]);
    const second = keptSink();
    second.stored = stored;
    await watch(instance, second);

    await expect.poll(() => texts(second), FAST).toEqual(["mail 2"]);
    expect(texts(first.sink)).toEqual(["mail 1"]);
    // The old holder of the lease: what it fetches is not stored, and its cursor stays.
    second.failing = new Error("another holds the lease");
    const at = second.stored;
    await server.deliver(numbered(3), [user]);
    await expect.poll(() => second.statuses.at(-1), FAST).toContain("another holds the lease");
    expect(second.stored).toEqual(at);
    second.failing = null;
    await expect.poll(() => texts(second), FAST).toEqual(["mail 2", "mail 3"]);
  },
);

withDovecot(
  "a wrong password ends the source, says so, and stands in no log (case 73)",
  async () => {
    const password = "wrong-but-still-secret";
    const instance = open({ password, smtp_login: true });
    const sink = keptSink();

    const ended = instance.source?.(sink, send.signal);

    await expect(ended).rejects.toMatchObject({ code: "UNAUTHENTICATED" });
    const findings = await instance.probe(send.signal);
    expect(findings.filter(({ ok }) => !ok).map(({ help }) => help)).toEqual([
      expect.stringContaining("Check user and password"),
      expect.stringContaining("Check smtp_user and smtp_password"),
    ]);
    const said = JSON.stringify([environment.lines, sink, findings]);
    for (const secret of [password, PASSWORD]) {
      expect(said).not.toContain(secret);
      expect(said).not.toContain(Buffer.from(secret).toString("base64"));
    }
  },
);

withDovecot("a probe looks at every step, and says what to do about each", async () => {
  const fine = await open().probe(send.signal);
  expect(fine.filter(({ ok }) => !ok)).toEqual([]);
  expect(fine.map(({ text }) => text).join(" ")).toMatch(
    /IMAP.*INBOX has 0.*IDLE.*sent folder.*SMTP/,
  );

  const broken = async (more: Partial<EmailSettings>) =>
    (await open({ timeout_seconds: 1, ...more }).probe(send.signal))
      .filter(({ ok }) => !ok)
      .map(({ help }) => help)
      .join(" ");
  expect(await broken({ imap_port: 1 })).toContain("Nothing listens on 127.0.0.1:1");
  expect(await broken({ mailbox: "Nowhere" })).toContain("Set mailbox");
  expect(await broken({ sent_mailbox: "Nowhere" })).toContain("Set sent_mailbox");
  expect(await broken({ smtp_tls: "starttls" })).toContain("smtp_tls says (starttls)");
});

async function looking(name: string, work: (client: ImapFlow) => Promise<void>): Promise<void> {
  const auth = { user: name, pass: PASSWORD };
  const at = { host: "127.0.0.1", port: server.imapPort, secure: false };
  const client = new ImapFlow({ ...at, auth, logger: false });
  await client.connect();
  await work(client);
  client.close();
}

async function inbox(name: string): Promise<Buffer[]> {
  const mails: Buffer[] = [];
  await looking(name, async (client) => {
    await client.mailboxOpen("INBOX");
    for await (const { source } of client.fetch("1:*", { source: true })) {
      if (source !== undefined) mails.push(source);
    }
  });
  return mails;
}
