// A real ssh server for tests: OpenSSH of the system, with its own folder, keys and port on loopback, for the user who
// runs the tests. Without it tests that need it say so and skip.

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { vi } from "vitest";
import type { SshConfig } from "../../actors/engines/target-config.ts";

const SSHD = "/usr/sbin/sshd";
const KEYGEN = "/usr/bin/ssh-keygen";
/** Whether one can be run here. */
export const hasSshd = existsSync(SSHD) && existsSync(KEYGEN);

if (!hasSshd) console.warn("There is no sshd here: tests of commands over ssh are skipped.");

/** A running ssh server. */
export interface Sshd {
  /** Of a target that reaches it. */
  readonly config: SshConfig;
  readonly privateKey: string;
  /** Another host key from the next start on. */
  changeHostKey(): void;
  /** Ends it and its connections, as a machine does that goes away. */
  stop(): Promise<void>;
  start(): Promise<void>;
  /** Stops it and removes its folder. */
  remove(): Promise<void>;
}

/** Starts one. */
export async function startSshd(): Promise<Sshd> {
  const folder = mkdtempSync(join(tmpdir(), "sshd-"));
  const at = (name: string): string => join(folder, name);
  const port = await freePort();
  const makeKey = (name: string): void => {
    for (const file of [name, `${name}.pub`]) rmSync(at(file), { force: true });
    execFileSync(KEYGEN, ["-q", "-t", "ed25519", "-N", "", "-f", at(name)]);
  };
  makeKey("host");
  makeKey("user");
  writeFileSync(at("authorized"), readFileSync(at("user.pub")), { mode: 0o600 });
  const settings = [
    ...[`Port ${port}`, "ListenAddress 127.0.0.1", `HostKey ${at("host")}`],
    ...[`AuthorizedKeysFile ${at("authorized")}`, "StrictModes no", "UsePAM no"],
    ...["PidFile none", "PasswordAuthentication no", "PermitRootLogin prohibit-password"],
    // What a shell reads when it starts is the user's own, and a lock of it may outlive a shell that a test ends.
    `SetEnv HOME=${folder}`,
  ];
  writeFileSync(at("config"), `${settings.join("\n")}\n`);
  // Where a server of root's works apart; the package's service makes it at each start of the machine.
  if (process.getuid?.() === 0) mkdirSync("/run/sshd", { recursive: true, mode: 0o755 });
  const [type, key] = readFileSync(at("host.pub"), "utf8").split(" ");
  let server: ChildProcess | undefined;
  const stop = async (): Promise<void> => {
    const pid = server?.pid;
    if (pid === undefined) return;
    const ended = new Promise((resolve) => server?.once("exit", resolve));
    server = undefined;
    // Its connections have sessions of their own.
    for (const one of [...childrenOf(pid), pid]) end(one);
    await ended;
  };
  const start = async (): Promise<void> => {
    server = spawn(SSHD, ["-D", "-e", "-f", at("config")], { stdio: ["ignore", "ignore", "pipe"] });
    let said = "";
    server.stderr?.on("data", (piece: Buffer) => {
      said += piece.toString();
    });
    await vi.waitFor(() => {
      if (!said.includes("Server listening")) throw new Error(said);
    }, 5_000);
  };
  await start();
  return {
    config: {
      ...{ host: "127.0.0.1", port, user: userInfo().username, folder },
      known_hosts: `[127.0.0.1]:${port} ${type} ${key}`,
    },
    privateKey: readFileSync(at("user"), "utf8"),
    changeHostKey: () => makeKey("host"),
    stop,
    start,
    remove: async () => {
      await stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Processes below one, the deepest first. */
function childrenOf(pid: number): readonly number[] {
  const file = `/proc/${pid}/task/${pid}/children`;
  const own = existsSync(file) ? readFileSync(file, "utf8").trim().split(" ").filter(Boolean) : [];
  return own.map(Number).flatMap((one) => [...childrenOf(one), one]);
}

function end(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended meanwhile.
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { readonly port: number };
      server.close(() => resolve(port));
    });
  });
}
