// A child process of this server with a process group of its own, as both kinds of spawners start one: ended when it is
// told to, when its time is over or its caller goes, and never left behind.

import { type ChildProcess, spawn } from "node:child_process";
import { access, constants } from "node:fs/promises";
import type { Readable, Writable } from "node:stream";
import { RuntimeError } from "../../runtime/errors.ts";
import { killGroup, type ProcessLedger, TOKEN_NAME } from "./process-ledger.ts";
import type { Exit } from "./spawner.ts";

/** How one is started. */
export interface ChildCommand {
  readonly argv: readonly string[];
  readonly cwd?: string;
  /** All of its environment. */
  readonly env: Readonly<Record<string, string>>;
  /** Default: as long as it likes. */
  readonly timeoutMs?: number;
  /** A program of this server's own choice, which leaves nothing behind. Default false. */
  readonly isOwn?: boolean;
}

/** A child that runs. */
export interface Child {
  readonly pid: number;
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** When it has ended, what it wrote was read, and nothing of it is left. */
  readonly exit: Promise<Exit>;
  kill(): void;
}

/** What a process that has ended has written and nobody has read may be read for so long, ms. */
const DRAIN_MS = 30_000;
/** Has a child end with the process that started it (util-linux). */
const SETPRIV = "/usr/bin/setpriv";
/** Groups that are there: a server that ends as it should leaves none. */
const groups = new Set<number>();
process.on("exit", () => {
  for (const pid of groups) killGroup(pid);
});

let prefix: Promise<readonly string[]> | undefined;

/** Elements before a command by which it does not outlive this process, where the system has them. */
function lifePrefix(): Promise<readonly string[]> {
  const found = async (): Promise<readonly string[]> => {
    const isThere = await access(SETPRIV, constants.X_OK).then(
      () => process.platform === "linux",
      () => false,
    );
    return isThere ? [SETPRIV, "--pdeathsig", "KILL", "--"] : [];
  };
  prefix ??= found();
  return prefix;
}

/** @throws PROVIDER_FAILED when it cannot be started. */
export async function startChild(
  { argv, cwd, env, timeoutMs, isOwn = false }: ChildCommand,
  ledger: ProcessLedger,
  signal: AbortSignal,
): Promise<Child> {
  const all = [...(await lifePrefix()), ...argv];
  const [program = "", ...rest] = all;
  const token = await ledger.begin();
  let child: ChildProcess;
  try {
    child = spawn(program, rest, {
      env: { ...env, [TOKEN_NAME]: token },
      ...(cwd !== undefined && { cwd }),
      stdio: ["pipe", "pipe", "pipe"],
      shell: false,
      detached: true,
    });
    await started(child);
  } catch (error) {
    await ledger.end(token, undefined);
    throw notStarted(argv[0] ?? "", error);
  }
  const { pid, stdin, stdout, stderr } = child;
  if (pid === undefined || stdin === null || stdout === null || stderr === null) {
    throw new RuntimeError("INTERNAL", "A process was started without its streams.");
  }
  groups.add(pid);
  // One that does not read is told by how it ends.
  stdin.on("error", () => undefined);
  const kill = (): void => killGroup(pid);
  const timer = timeoutMs === undefined ? undefined : setTimeout(kill, timeoutMs);
  signal.addEventListener("abort", kill, { once: true });
  if (signal.aborted) kill();
  const exit = ended(child, async () => {
    clearTimeout(timer);
    signal.removeEventListener("abort", kill);
    // What it has started ends with it, or would keep its outputs open.
    await ledger.end(token, pid, isOwn);
    groups.delete(pid);
  });
  // Whoever wants to know waits for it.
  exit.catch(() => undefined);
  return { pid, stdin, stdout, stderr, exit, kill };
}

function started(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once("spawn", resolve);
    child.once("error", reject);
  });
}

/** Its end, and that of its outputs. @param clear ends what it has left. */
function ended(child: ChildProcess, clear: () => Promise<void>): Promise<Exit> {
  const closed = new Promise<void>((resolve) => child.once("close", () => resolve()));
  return new Promise((resolve, reject) => {
    child.once("exit", (code, signal) => {
      const late = setTimeout(() => {
        for (const stream of [child.stdout, child.stderr]) stream?.destroy();
      }, DRAIN_MS);
      Promise.all([closed, clear()])
        .then(() => resolve({ code, signal }), reject)
        .finally(() => clearTimeout(late));
    });
  });
}

function notStarted(program: string, error: unknown): RuntimeError {
  const { code = "" } = error as NodeJS.ErrnoException;
  const message = `${program.slice(0, 200)} could not be started (${code || "unknown"}).`;
  return new RuntimeError("PROVIDER_FAILED", message, undefined, { cause: error });
}
