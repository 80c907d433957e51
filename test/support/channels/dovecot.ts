// A real mail server for tests: Dovecot of Debian's packages (dovecot-imapd, dovecot-lmtpd), with its own
// folder, users and loopback ports. Mail comes in by LMTP. Without the packages, or without root, which it
// wants, tests that need it say so and skip.

import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createTransport } from "nodemailer";
import { vi } from "vitest";

const LMTP_MODULE = "/usr/lib/dovecot/lmtp";
/** Whether Dovecot can be run here. */
export const hasDovecot =
  process.getuid?.() === 0 &&
  spawnSync("dovecot", ["--version"]).status === 0 &&
  existsSync(LMTP_MODULE);

if (!hasDovecot) {
  console.warn(
    "Dovecot cannot be run here: tests of e-mail against a real mail server are skipped.",
  );
}

/** The password of every user. */
export const PASSWORD = "s3cret-of-the-mailbox";

/** A running mail server. */
export interface Dovecot {
  readonly imapPort: number;
  /** Puts a mail into the users' mailboxes, as a mail server that received it does. */
  deliver(raw: string | Buffer, users: readonly string[], from?: string): Promise<void>;
  /** Ends connections of a user, as a server does that is restarted. */
  kick(user: string): void;
  /** Numbers the INBOX of a user anew. */
  renumber(user: string): void;
  stop(): Promise<void>;
  start(): Promise<void>;
  /** Stops it and removes its folder. */
  remove(): Promise<void>;
}

/** @param users their names: each has an INBOX and a folder Sent. */
export async function startDovecot(users: readonly string[]): Promise<Dovecot> {
  const folder = mkdtempSync(join(tmpdir(), "dovecot-"));
  const [imapPort, lmtpPort] = [await freePort(), await freePort()];
  const conf = join(folder, "dovecot.conf");
  mkdirSync(join(folder, "home"));
  execFileSync("chown", ["mail:mail", join(folder, "home")]);
  execFileSync("chmod", ["755", folder]);
  writeFileSync(
    join(folder, "users"),
    users.map((user) => `${user}:{PLAIN}${PASSWORD}\n`).join(""),
  );
  writeFileSync(conf, configuration(folder, imapPort, lmtpPort));
  const lmtp = createTransport({ host: "127.0.0.1", port: lmtpPort, lmtp: true, ignoreTLS: true });
  let ended: Promise<unknown> = Promise.resolve();
  let stopNow: () => void = () => undefined;
  const doveadm = (...args: readonly string[]) =>
    execFileSync("doveadm", ["-c", conf, ...args], { stdio: "pipe" });
  const server: Dovecot = {
    imapPort,
    deliver: async (raw, to, from = "sender@example.test") => {
      await lmtp.sendMail({ envelope: { from, to: [...to] }, raw });
    },
    kick: (user) => void doveadm("kick", user),
    renumber: (user) => {
      doveadm(
        "mailbox",
        "update",
        "--uid-validity",
        String(Math.floor(Date.now() / 1_000) + 1_000),
        "-u",
        user,
        "INBOX",
      );
    },
    start: async () => {
      // In a group of its own, which ends as a whole: asked kindly, it waits seconds for its clients.
      const child = spawn("dovecot", ["-F", "-c", conf], { stdio: "ignore", detached: true });
      ended = once(child, "exit");
      stopNow = () => {
        if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, "SIGKILL");
      };
      await listening(imapPort);
      await listening(lmtpPort);
    },
    stop: async () => {
      stopNow();
      await ended;
    },
    remove: async () => {
      lmtp.close();
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  await server.start();
  return server;
}

function configuration(folder: string, imapPort: number, lmtpPort: number): string {
  return `
base_dir = ${folder}/run
state_dir = ${folder}/state
log_path = ${folder}/dovecot.log
protocols = imap lmtp
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
auth_mechanisms = plain login
auth_failure_delay = 0
service anvil {
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
mail_location = maildir:${folder}/home/%u/Maildir
mail_uid = mail
mail_gid = mail
first_valid_uid = 1
first_valid_gid = 1
service imap-login {
  inet_listener imap {
    port = ${imapPort}
  }
  inet_listener imaps {
    port = 0
  }
}
service lmtp {
  inet_listener lmtp {
    port = ${lmtpPort}
  }
}
passdb {
  driver = passwd-file
  args = scheme=PLAIN username_format=%u ${folder}/users
}
userdb {
  driver = static
  args = uid=mail gid=mail home=${folder}/home/%u
}
namespace inbox {
  inbox = yes
  mailbox Sent {
    auto = create
    special_use = \\Sent
  }
}
`;
}

/** A port of the loopback that nothing listens on. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

async function listening(port: number): Promise<void> {
  await vi.waitFor(
    async () => {
      const socket = connect(port, "127.0.0.1");
      await once(socket, "connect").finally(() => socket.destroy());
    },
    { timeout: 10_000, interval: 20 },
  );
}
