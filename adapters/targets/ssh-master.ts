// A connection to another machine by the system's ssh, over which all commands there go. It is proved by the known
// hosts of the record and by nothing else; its key lies on the disk while it connects and no longer, for this server's
// user alone. It ends with the server.

import { createHash } from "node:crypto";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { type SshConfig, workLimits } from "../../actors/engines/target-config.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { type Child, startChild } from "./child.ts";
import type { ProcessLedger } from "./process-ledger.ts";

/** Where a socket's path is at most so long, its folder has to be shorter: ssh adds to it. */
const FOLDER_CHARS_MAX = 60;
/** Between looks whether it is there, ms. */
const LOOK_MS = 25;
/** What ssh says at most, characters. */
const SAID_CHARS = 4_000;
const ASK_MS = 5_000;

/** What it needs. */
export interface MasterOptions {
  /** Of the record, for errors. */
  readonly name: string;
  readonly config: SshConfig;
  readonly privateKey: string;
  readonly ledger: ProcessLedger;
  /** The data folder. */
  readonly data: string;
  /** All of ssh's environment. */
  readonly env: Readonly<Record<string, string>>;
}

/** A connection that may come and go. */
export interface Master {
  /** Connects, unless it is connected. @returns elements before a remote command. @throws TARGET_LOST, PROVIDER_FAILED. */
  connected(): Promise<readonly string[]>;
  /** Whether it answers now. */
  isThere(): Promise<boolean>;
  end(): Promise<void>;
}

const never = new AbortController().signal;

/** Nothing of the system's or a user's settings of ssh, no password, no other key, no forwarding. */
const COMMON = ["ssh", "-F", "none", "-T", "-o", "BatchMode=yes", "-o", "LogLevel=ERROR"] as const;

/** Makes it; nothing is connected before somebody asks. */
export function sshMaster(options: MasterOptions): Master {
  const { ledger, env } = options;
  let open: Promise<Opened> | undefined;
  const folder = later(() => privateFolder(options.data));
  const connect = async (): Promise<Opened> => await openMaster(options, await folder());
  const ask = async (opened: Opened): Promise<boolean> => {
    if (opened.isOver()) return false;
    const argv = [...COMMON, "-S", opened.socket, "-O", "check", "--", "target"];
    const child = await startChild({ argv, env, timeoutMs: ASK_MS, isOwn: true }, ledger, never);
    for (const stream of [child.stdout, child.stderr]) stream.resume();
    child.stdin.end();
    return (await child.exit).code === 0;
  };
  const current = async (): Promise<Opened> => {
    const before = open;
    if (before !== undefined) {
      const opened = await before.catch(() => null);
      if (opened !== null && !opened.isOver()) return opened;
      if (open === before) open = undefined;
    }
    open ??= connect();
    return await open;
  };
  return {
    connected: async () => {
      const { socket } = await current();
      // Without the connection nothing is connected: that would be one without its proofs.
      const over = ["-S", socket, "-o", "ControlMaster=no", "-o", "ProxyCommand=false"];
      return [...COMMON, ...over, "--", "target"];
    },
    isThere: async () => {
      const opened = await open?.catch(() => null);
      return opened != null && (await ask(opened));
    },
    end: async () => {
      const opened = await open?.catch(() => null);
      opened?.child.kill();
      await opened?.child.exit;
    },
  };
}

interface Opened {
  readonly socket: string;
  readonly child: Child;
  isOver(): boolean;
}

async function openMaster(options: MasterOptions, folder: string): Promise<Opened> {
  const { config, privateKey, ledger, env } = options;
  const own = await mkdtemp(join(folder, "c"));
  const [key, hosts, socket] = [join(own, "k"), join(own, "h"), join(own, "s")];
  let isOver = false;
  let said = "";
  try {
    await writeFile(key, privateKey.endsWith("\n") ? privateKey : `${privateKey}\n`, {
      mode: 0o600,
    });
    await writeFile(hosts, `${config.known_hosts}\n`, { mode: 0o600 });
    const argv = masterArguments(config, { key, hosts, socket });
    const child = await startChild({ argv, env, isOwn: true }, ledger, never);
    child.stdin.end();
    child.stdout.resume();
    child.stderr.setEncoding("utf8").on("data", (piece: string) => {
      said = (said + piece).slice(-SAID_CHARS);
    });
    const over = child.exit.then(async () => {
      isOver = true;
      await rm(own, { recursive: true, force: true });
    });
    over.catch(() => undefined);
    const opened = { socket, child, isOver: () => isOver };
    if (!(await isListening(opened, options))) {
      child.kill();
      await over;
      throw notConnected(options, said);
    }
    // Proved: what it was proved with is not needed any more.
    await Promise.all([key, hosts].map((file) => rm(file, { force: true })));
    return opened;
  } catch (error) {
    await rm(own, { recursive: true, force: true });
    throw error;
  }
}

function masterArguments(
  { host, port = 22, user }: SshConfig,
  { key, hosts, socket }: Readonly<Record<"key" | "hosts" | "socket", string>>,
): readonly string[] {
  const { connectS, aliveS, aliveCount } = workLimits;
  const settings = {
    ...{
      StrictHostKeyChecking: "yes",
      UserKnownHostsFile: hosts,
      GlobalKnownHostsFile: "/dev/null",
    },
    ...{ UpdateHostKeys: "no", VerifyHostKeyDNS: "no", CheckHostIP: "no" },
    ...{ IdentityFile: key, IdentitiesOnly: "yes", IdentityAgent: "none" },
    ...{ PreferredAuthentications: "publickey", ForwardAgent: "no", ForwardX11: "no" },
    ...{ ClearAllForwardings: "yes", PermitLocalCommand: "no", ControlPersist: "no" },
    ...{ ConnectTimeout: connectS, ServerAliveInterval: aliveS, ServerAliveCountMax: aliveCount },
  };
  const all = Object.entries(settings).flatMap(([name, value]) => ["-o", `${name}=${value}`]);
  const where = ["-p", String(port), "-l", user, "--", host];
  return [...COMMON, "-N", "-M", "-S", socket, ...all, ...where];
}

/** Until its socket answers, it has ended, or its time is over. */
async function isListening(opened: Opened, { env, ledger }: MasterOptions): Promise<boolean> {
  const { access } = await import("node:fs/promises");
  const untilMs = performance.now() + workLimits.connectS * 1_000 + ASK_MS;
  while (!opened.isOver() && performance.now() < untilMs) {
    // The socket comes with its name, and is listened to from then on.
    const isThere = await access(opened.socket).then(
      () => true,
      () => false,
    );
    if (isThere) {
      const argv = [...COMMON, "-S", opened.socket, "-O", "check", "--", "target"];
      const child = await startChild({ argv, env, timeoutMs: ASK_MS, isOwn: true }, ledger, never);
      for (const stream of [child.stdout, child.stderr]) stream.resume();
      child.stdin.end();
      if ((await child.exit).code === 0) return true;
    }
    await delay(LOOK_MS);
  }
  return false;
}

/** What ssh said, as what it means: only what may pass by itself is a target that is lost. */
function notConnected({ name }: MasterOptions, said: string): RuntimeError {
  if (
    /host key verification failed|no .*host key is known|host identification has changed/i.test(
      said,
    )
  ) {
    const message = `Target ${name} shows a host key that is not among its known hosts: nothing was sent to it.`;
    return new RuntimeError("PROVIDER_FAILED", message);
  }
  if (/error in libcrypto|invalid format|load key/i.test(said)) {
    return new RuntimeError("PROVIDER_FAILED", `The private key of target ${name} cannot be read.`);
  }
  if (/permission denied/i.test(said)) {
    return new RuntimeError("PROVIDER_FAILED", `Target ${name} does not take its user and key.`);
  }
  return new RuntimeError("TARGET_LOST", `Target ${name} cannot be reached over ssh.`, {
    began: false,
  });
}

/** For this user alone, with a path that fits a socket and that ssh reads as it is. */
async function privateFolder(data: string): Promise<string> {
  const folder = join(data, "ssh");
  const isPlain = /^[A-Za-z0-9/_.-]+$/.test(folder) && folder.length <= FOLDER_CHARS_MAX;
  if (!isPlain) {
    const id = createHash("sha256").update(data).digest("hex").slice(0, 8);
    return await mkdtemp(join(tmpdir(), `troupe-${id}-`));
  }
  await mkdir(folder, { recursive: true, mode: 0o700 });
  return folder;
}

function later<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make();
    return made;
  };
}
