// A PostgreSQL server of the bench's own, for peers that need one: the machine's own programs
// (Debian: postgresql), a cluster in a temporary folder on a unix socket, ended and removed at the end.

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { unpinned } from "./processes.ts";

const DEBIAN = "/usr/lib/postgresql";
const START_MS = 30_000;
const STOP_MS = 10_000;
const POLL_MS = 50;
const OUTPUT_CHARS = 2_000;
/** It refuses to run as root: these users are tried then. */
const USERS = ["postgres", "nobody"];

/** A running server. */
export interface Postgres {
  /** As clients take it. */
  readonly url: string;
  readonly version: string;
  stop(): Promise<void>;
}

interface User {
  readonly uid: number;
  readonly gid: number;
}

/**
 * Starts a server whose settings are its defaults: a commit is acknowledged when its log is flushed.
 * @throws when it is not installed or does not start.
 */
export async function startPostgres(): Promise<Postgres> {
  const programs = findPrograms();
  const user = process.getuid?.() === 0 ? unprivileged() : undefined;
  const root = mkdtempSync(join(tmpdir(), "bench-postgres-"));
  if (user) chownSync(root, user.uid, user.gid);
  const data = join(root, "data");
  const remove = (): void => rmSync(root, { recursive: true, force: true });
  try {
    const auth = ["--username=postgres", "--auth=trust"];
    const text = ["--encoding=UTF8", "--locale=C"];
    execFileSync(join(programs, "initdb"), [`--pgdata=${data}`, ...auth, ...text], {
      ...{ cwd: root, stdio: "pipe", ...user },
    });
    const version = execFileSync(join(programs, "postgres"), ["--version"], { encoding: "utf8" });
    const sockets = [`--unix_socket_directories=${root}`, "--listen_addresses="];
    const args = ["-D", data, ...sockets, "--synchronous_commit=on", "--fsync=on"];
    const child = await listening(join(programs, "postgres"), args, root, user);
    const host = encodeURIComponent(root);
    return {
      url: `postgresql://postgres@localhost/bench?host=${host}`,
      version: /[\d.]+/.exec(version)?.[0] ?? "",
      async stop() {
        await ended(child, "SIGINT");
        remove();
      },
    };
  } catch (error) {
    remove();
    throw error;
  }
}

function findPrograms(): string {
  const versions = existsSync(DEBIAN) ? readdirSync(DEBIAN) : [];
  const newest = versions.sort((a, b) => Number(b) - Number(a));
  const places = [
    ...newest.map((version) => join(DEBIAN, version, "bin")),
    ...(process.env["PATH"] ?? "").split(":"),
  ];
  const found = places.find((place) =>
    ["initdb", "postgres"].every((name) => existsSync(join(place, name))),
  );
  if (found === undefined) throw new Error("PostgreSQL is not installed (Debian: postgresql).");
  return found;
}

function unprivileged(): User {
  for (const name of USERS) {
    try {
      const [uid, gid] = ["-u", "-g"].map((what) =>
        Number(execFileSync("id", [what, name], { encoding: "utf8", stdio: "pipe" })),
      );
      if (uid !== undefined && gid !== undefined) return { uid, gid };
    } catch {
      // There is no such user; the next one.
    }
  }
  throw new Error("PostgreSQL does not run as root, and there is no other user for it.");
}

async function listening(
  program: string,
  args: readonly string[],
  root: string,
  user: User | undefined,
): Promise<ChildProcess> {
  const [command, rest] = unpinned(program, args);
  const child = spawn(command, rest, { cwd: root, stdio: ["ignore", "ignore", "pipe"], ...user });
  // Ends it at once, without leaving its children, when the bench ends before it.
  const kill = (): void => void child.kill("SIGQUIT");
  process.once("exit", kill);
  child.once("exit", () => process.off("exit", kill));
  let output = "";
  child.stderr?.on("data", (piece: Buffer) => {
    output = (output + piece.toString()).slice(-OUTPUT_CHARS);
  });
  for (let waitedMs = 0; !/ready to accept connections/.test(output); waitedMs += POLL_MS) {
    if (waitedMs > START_MS || child.exitCode !== null) {
      await ended(child, "SIGQUIT");
      throw new Error(`PostgreSQL did not start: ${output}`);
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  return child;
}

async function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once("exit", resolve));
  child.kill(signal);
  const timer = setTimeout(() => child.kill("SIGQUIT"), STOP_MS);
  await gone;
  clearTimeout(timer);
}
