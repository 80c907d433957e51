// Target `ssh`: processes on another machine, over one connection. What arrives there is exactly the arguments that
// were given, whichever shell the user there has; see remote-command.ts.

import { PassThrough } from "node:stream";
import { pathFault } from "../../actors/engines/argument.ts";
import { type SshConfig, workLimits } from "../../actors/engines/target-config.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { type Child, startChild } from "./child.ts";
import type { Line } from "./line.ts";
import { checkArgv } from "./local.ts";
import type { ProcessLedger } from "./process-ledger.ts";
import { GO_LINE, REMOTE_SHELL, type RemoteCommand, remoteCommand } from "./remote-command.ts";
import type { Exit, SpawnCommand, Spawned, Spawner } from "./spawner.ts";
import type { Master } from "./ssh-master.ts";

/** What it needs. */
export interface SshOptions {
  /** Of the record, for errors. */
  readonly name: string;
  readonly config: SshConfig;
  readonly master: Master;
  readonly line: Line;
  readonly ledger: ProcessLedger;
  /** All of ssh's environment. */
  readonly env: Readonly<Record<string, string>>;
}

/** ssh's own, beside what a command may end with. */
const SSH_FAILED = 255;
/** Greetings before a command begins, bytes. */
const GREETING_BYTES_MAX = 65_536;
/** It begins within so long once the machine is connected, ms; and what it has started is ended there, ms. */
const BEGIN_MS = 30_000;
const KILL_MS = 10_000;
const never = new AbortController().signal;

/** The spawner of a target. */
export function sshSpawner(options: SshOptions): Spawner {
  const { config, line } = options;
  const { processes = workLimits.processes } = config;
  return {
    start: async (command, signal) => {
      checkArgv(command.argv);
      const env = { ...config.variables, ...command.env };
      const remote = remoteCommand({ ...command, env }, folderOf(config, command));
      const leave = await line.enter(processes, signal);
      try {
        const spawned = await startRemote(options, remote, signal);
        const exit = spawned.exit.finally(leave);
        exit.catch(() => undefined);
        return { ...spawned, exit };
      } catch (error) {
        leave();
        throw error;
      }
    },
  };
}

function folderOf({ folder }: SshConfig, { cwd }: SpawnCommand): string | undefined {
  if (cwd === undefined || cwd === ".") return folder;
  const fault = pathFault(cwd);
  if (fault === null) return folder === undefined ? cwd : `${folder}/${cwd}`;
  const message = `${cwd.slice(0, 200)} is not below the folder of the target.`;
  throw new RuntimeError("INVALID", message);
}

async function startRemote(
  options: SshOptions,
  remote: RemoteCommand,
  signal: AbortSignal,
): Promise<Spawned> {
  const { name, config, master, ledger, env } = options;
  const { timeout_ms: timeoutMs = workLimits.timeoutMs } = config;
  const prefix = await master.connected();
  if (signal.aborted) throw new RuntimeError("CANCELLED", "The call was cancelled.");
  const child = await startChild(
    { argv: [...prefix, REMOTE_SHELL], env, isOwn: true },
    ledger,
    never,
  );
  child.stdin.write(remote.line);
  const began = await beginning(child, remote.mark, signal);
  if (began === null || began.group === null || signal.aborted) {
    child.kill();
    await child.exit;
    if (signal.aborted) throw new RuntimeError("CANCELLED", "The call was cancelled.");
    const why = began === null ? "did not begin a command" : "does not have its folder";
    throw new RuntimeError("TARGET_LOST", `Target ${name} ${why}.`, { began: false });
  }
  const { group, stdout } = began;
  child.stdin.write(GO_LINE);
  let killed: Promise<unknown> | undefined;
  const kill = (): void => {
    killed ??= killThere(prefix, group, options).finally(() => child.kill());
  };
  const timer = setTimeout(kill, timeoutMs);
  signal.addEventListener("abort", kill, { once: true });
  if (signal.aborted) kill();
  const exit = child.exit.then(async (how): Promise<Exit> => {
    stdout.end();
    clearTimeout(timer);
    signal.removeEventListener("abort", kill);
    await killed;
    if (killed !== undefined) return { code: null, signal: "SIGKILL" };
    if (how.code !== SSH_FAILED || (await master.isThere())) {
      // What it has started and left there ends with it.
      await killThere(prefix, group, options).catch(() => undefined);
      return how;
    }
    const message = `The connection to target ${name} was lost while a command was under way.`;
    throw new RuntimeError("TARGET_LOST", message, { began: true });
  });
  exit.catch(() => undefined);
  const { stdin, stderr } = child;
  return { stdin, stdout, stderr, exit, kill };
}

interface Beginning {
  /** Null: there is no such folder. */
  readonly group: number | null;
  /** What comes after. */
  readonly stdout: PassThrough;
}

/** Reads past greetings until the command has begun; null: it has not. */
function beginning(child: Child, mark: string, signal: AbortSignal): Promise<Beginning | null> {
  return new Promise((resolve) => {
    const { stdout } = child;
    let seen = Buffer.alloc(0);
    const over = (began: Beginning | null): void => {
      clearTimeout(timer);
      stdout.off("data", take);
      stdout.off("end", ended);
      signal.removeEventListener("abort", ended);
      resolve(began);
    };
    const ended = (): void => over(null);
    const take = (piece: Buffer): void => {
      seen = Buffer.concat([seen, piece]);
      const at = seen.indexOf(`${mark} `);
      const end = at < 0 ? -1 : seen.indexOf("\n", at);
      if (end < 0) {
        if (seen.length > GREETING_BYTES_MAX) over(null);
        return;
      }
      const said = seen.toString("utf8", at + mark.length + 1, end);
      const group = /^\d{1,10}$/.test(said) && Number(said) > 1 ? Number(said) : null;
      stdout.pause();
      const rest = new PassThrough();
      rest.write(seen.subarray(end + 1));
      over({ group, stdout: rest });
      stdout.pipe(rest);
    };
    const timer = setTimeout(() => over(null), BEGIN_MS);
    stdout.on("data", take);
    stdout.on("end", ended);
    signal.addEventListener("abort", ended, { once: true });
  });
}

/** Ends a process group there. */
async function killThere(
  prefix: readonly string[],
  group: number,
  { ledger, env }: SshOptions,
): Promise<void> {
  const argv = [...prefix, `exec /bin/sh -c 'kill -9 -${group}'`];
  const child = await startChild({ argv, env, timeoutMs: KILL_MS, isOwn: true }, ledger, never);
  for (const stream of [child.stdout, child.stderr]) stream.resume();
  child.stdin.end();
  await child.exit;
}
