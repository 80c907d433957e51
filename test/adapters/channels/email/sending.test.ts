// What an SMTP server says, and what becomes of the answer: nothing is taken for sent that was not, and
// nothing is sent again that may have arrived. Cases 48 and 49 (mail), 67, 73.

import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type { ChannelInstance } from "../../../../adapters/channels/adapter.ts";
import { email } from "../../../../adapters/channels/email/adapter.ts";
import type { EmailSettings } from "../../../../adapters/channels/email/settings.ts";
import { RuntimeError } from "../../../../runtime/errors.ts";
import { createCertificates } from "../../../support/certificates.ts";
import { freePort, PASSWORD } from "../../../support/channels/dovecot.ts";
import { mailEnvironment, mailSettings } from "../../../support/channels/mail-account.ts";
import {
  type Behaviour,
  type MailTransfer,
  startMailTransfer,
} from "../../../support/channels/mail-transfer.ts";

const certificates = createCertificates();
const environment = mailEnvironment();
const address = { to: "alice@example.test", thread: "t".repeat(16), subject: "x", references: [] };
const never = new AbortController().signal;
let transfer: MailTransfer;
let instances: ChannelInstance[] = [];
let keys = 0;

beforeAll(async () => {
  transfer = await startMailTransfer();
});

afterEach(async () => {
  for (const instance of instances) await instance.close();
  instances = [];
});

afterAll(async () => {
  await transfer.stop();
  certificates.end();
});

function open(more: Partial<EmailSettings> = {}, of = environment): ChannelInstance {
  const ports = { imap: 1, smtp: transfer.port };
  const settings = mailSettings(ports, { sent_copies: false, timeout_seconds: 1, ...more });
  const instance = email.create(settings, of);
  instances.push(instance);
  return instance;
}

async function send(instance: ChannelInstance, of: { signal?: AbortSignal; to?: string } = {}) {
  const [part] = instance.render({ text: "Hello" });
  if (part === undefined) throw new Error("no part");
  const options = { key: `key-${keys++}`, attempt: 1, signal: of.signal ?? never };
  return await instance.send(part, { ...address, ...(of.to && { to: of.to }) }, options);
}

const said: readonly (readonly [string, Behaviour, string])[] = [
  ["greylisted", { at: "to", code: 450, text: "come back" }, "retry"],
  ["the service closes", { at: "from", code: 421, text: "closing" }, "retry"],
  ["too many at once", { at: "data", code: 452, text: "full" }, "retry"],
  ["no such user", { at: "to", code: 550, text: "5.1.1 no such user" }, "gone"],
  ["not our address", { at: "from", code: 553, text: "not yours" }, "auth"],
  ["spam", { at: "data", code: 554, text: "5.7.1 spam" }, "format"],
  ["too large", { at: "from", code: 552, text: "too large" }, "format"],
  ["cut before the mail", "cut-before", "retry"],
  ["cut after the mail", "cut-after", "unknown"],
  ["no word after the mail", "silent", "unknown"],
];

test.each(said)("%s: %j is %s, and the next mail goes out", async (_, behaviour, expected) => {
  const instance = open();
  transfer.next(behaviour);
  const before = transfer.taken.length;

  const failed = await send(instance);

  expect(failed).toMatchObject({ ok: false, class: expected });
  if (!failed.ok && typeof behaviour === "object" && behaviour.at !== "later") {
    expect(failed.reason).toContain(behaviour.text);
  }
  // Whatever the library would like to do by itself: the mail has gone over the line once at most.
  const gone = typeof behaviour === "string" && behaviour !== "cut-before" ? 1 : 0;
  expect((await send(instance)).ok).toBe(true);
  expect(transfer.taken.length).toBe(before + gone + 1);
});

test("a server that is not there, or talks nonsense, costs a retry", async () => {
  const nonsense: Server = createServer((socket) => socket.end("HTTP/1.1 400 no\r\n\r\n"));
  const port = await freePort();
  nonsense.listen(port, "127.0.0.1");

  expect(await send(open({ smtp_port: 1 }))).toMatchObject({ ok: false, class: "retry" });
  expect(await send(open({ smtp_port: port }))).toMatchObject({ ok: false, class: "retry" });
  nonsense.close();
});

test("a send that is given up before the mail went out never goes out", async () => {
  const instance = open();
  const stopping = new AbortController();
  const before = transfer.taken.length;
  let agree: () => void = () => undefined;
  const when = new Promise<void>((resolve) => {
    agree = resolve;
  });
  const asked = transfer.named();
  transfer.next({ at: "later", when });
  const sending = send(instance, { signal: stopping.signal });
  await asked;

  stopping.abort();
  expect(await sending).toMatchObject({ ok: false, class: "retry" });
  agree();

  expect((await send(instance)).ok).toBe(true);
  expect(transfer.taken.length).toBe(before + 1);
});

test("a wrong password is an error of the account, and stands nowhere (case 73)", async () => {
  const password = "wrong-but-secret";
  const result = await send(open({ password }));

  expect(result).toMatchObject({ ok: false, class: "auth" });
  const shown = JSON.stringify([result, environment.lines]);
  for (const secret of [password, Buffer.from(password).toString("base64"), PASSWORD]) {
    expect(shown).not.toContain(secret);
  }
});

test("a server's certificate has to be trusted, and of its name", async () => {
  const { certFile, keyFile } = certificates.make("localhost");
  const cert = readFileSync(certFile, "utf8");
  const secure = await startMailTransfer(undefined, { cert, key: readFileSync(keyFile, "utf8") });
  const tls: Partial<EmailSettings> = { smtp_tls: "implicit", smtp_port: secure.port };
  const local = { ...environment, resolveHost: async () => "127.0.0.1" };
  const named = (host: string, more = {}) => open({ ...tls, smtp_host: host, ...more }, local);

  expect((await send(named("localhost", { tls_ca: cert }))).ok).toBe(true);
  expect(await send(named("localhost"))).toMatchObject({ ok: false, class: "retry" });
  expect(await send(named("mail.test", { tls_ca: cert }))).toMatchObject({ ok: false });
  const findings = await named("mail.test", { tls_ca: cert }).probe(never);
  expect(findings.map(({ help }) => help).join(" ")).toContain("The certificate of mail.test");
  await secure.stop();
});

test("no connection is opened where the egress guard refuses the host (case 67)", async () => {
  const refusing = {
    ...environment,
    resolveHost: async (host: string) => {
      throw new RuntimeError("EGRESS_REFUSED", `${host} is not public.`);
    },
  };
  const { resolveHost: _, ...without } = environment;
  const before = transfer.taken.length;

  expect(await send(open({}, refusing))).toMatchObject({ ok: false, class: "retry" });
  expect(await send(open({}, without as typeof environment))).toMatchObject({ ok: false });
  const findings = await open({}, refusing).probe(never);
  expect(findings.map(({ help }) => help).join(" ")).toContain("the operator has to allow it");
  expect(transfer.taken.length).toBe(before);
});

test("an address that is none gets no mail", async () => {
  for (const to of ["agent", "a b@x.test", "a@x.test, b@y.test", "<a@x.test>"]) {
    expect(await send(open(), { to })).toMatchObject({ ok: false, class: "gone" });
  }
});

test("settings that cannot be meant are refused with their pointer", () => {
  const pointerOf = (more: Partial<EmailSettings>): unknown => {
    try {
      open(more);
    } catch (error) {
      return error instanceof RuntimeError ? [error.code, error.details?.["pointer"]] : error;
    }
    return "taken";
  };

  expect(pointerOf({ address: "nobody" })).toEqual(["INVALID", "/settings/address"]);
  expect(pointerOf({ aliases: ["a@b.test", "x"] })).toEqual(["INVALID", "/settings/aliases/1"]);
  expect(pointerOf({ imap_host: "mail.test:993/x" })).toEqual(["INVALID", "/settings/imap_host"]);
  expect(pointerOf({ require_auth: true })).toEqual(["INVALID", "/settings/authserv_id"]);
});
