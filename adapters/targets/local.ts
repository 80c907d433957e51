// Target `local`: processes on this machine, below one folder, with the variables that its record names and no others.

import { realpath, stat } from "node:fs/promises";
import { resolve, sep } from "node:path";
import { pathFault } from "../../actors/engines/argument.ts";
import { type LocalConfig, workLimits } from "../../actors/engines/target-config.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { type Child, startChild } from "./child.ts";
import type { Line } from "./line.ts";
import type { ProcessLedger } from "./process-ledger.ts";
import type { SpawnCommand, Spawned, Spawner } from "./spawner.ts";

/** What it needs. */
export interface LocalOptions {
  /** Of the record, for errors. */
  readonly name: string;
  readonly config: LocalConfig;
  readonly line: Line;
  readonly ledger: ProcessLedger;
  /** Values of variables of this process. */
  environment(names: readonly string[]): Readonly<Record<string, string>>;
}

/** The spawner of a target. */
export function localSpawner(options: LocalOptions): Spawner {
  const { config, line, ledger, environment } = options;
  const { processes = workLimits.processes, timeout_ms = workLimits.timeoutMs } = config;
  return {
    start: async ({ argv, cwd, env = {} }, signal) => {
      checkArgv(argv);
      // Before anything else is waited for: the line is in the order of the calls.
      const leave = await line.enter(processes, signal);
      let child: Child;
      try {
        const folder = await workFolder(options);
        const at = cwd === undefined ? folder : await pathBelow(folder, cwd);
        const own = { ...environment(["PATH", ...(config.env ?? [])]), ...config.variables };
        const command = { argv, cwd: at, env: { ...own, ...env }, timeoutMs: timeout_ms };
        child = await startChild(command, ledger, signal);
      } catch (error) {
        leave();
        throw error;
      }
      const exit = child.exit.finally(leave);
      exit.catch(() => undefined);
      const { stdin, stdout, stderr, kill } = child;
      return { stdin, stdout, stderr, exit, kill } satisfies Spawned;
    },
  };
}

/** The folder itself, where links lead. @throws TARGET_LOST when it is not there. */
export async function workFolder({
  name,
  config,
}: Pick<LocalOptions, "name" | "config">): Promise<string> {
  try {
    const folder = await realpath(config.folder);
    if ((await stat(folder)).isDirectory()) return folder;
  } catch {
    // Said below.
  }
  throw new RuntimeError("TARGET_LOST", `The folder of target ${name} is not there.`, {
    began: false,
  });
}

/**
 * A path below a folder, as it is after every link, of what is there of it. A link that is made after this look is
 * followed: whoever may make links there may do as much as the commands.
 * @param folder where links lead. @throws INVALID for one that leads out of it.
 */
export async function pathBelow(folder: string, path: string): Promise<string> {
  const fault = path === "." ? null : pathFault(path);
  const whole = resolve(folder, path);
  if (fault !== null) throw outside(path);
  const there = await deepest(whole);
  if (there !== folder && !there.startsWith(folder.endsWith(sep) ? folder : folder + sep)) {
    throw outside(path);
  }
  return whole;
}

/** Of a path the part that is there, where its links lead. */
async function deepest(path: string): Promise<string> {
  for (let at = path; ; at = resolve(at, "..")) {
    try {
      return await realpath(at);
    } catch (error) {
      // A link that leads nowhere yet leads somewhere once that is made.
      const isMissing = (error as NodeJS.ErrnoException).code === "ENOENT";
      if (!isMissing || (await isLink(at))) throw outside(path);
    }
  }
}

async function isLink(path: string): Promise<boolean> {
  const { lstat } = await import("node:fs/promises");
  return await lstat(path).then(
    () => true,
    () => false,
  );
}

/** @throws INVALID for what no system takes. */
export function checkArgv(argv: SpawnCommand["argv"]): void {
  if (argv.length > 0 && argv[0] !== "" && !argv.some((one) => one.includes("\0"))) return;
  throw new RuntimeError("INVALID", "A command has a program, and no NUL character.");
}

const outside = (path: string): RuntimeError =>
  new RuntimeError("INVALID", `${path.slice(0, 200)} is not below the folder of the target.`);

/** A folder below another one, where links lead. @throws INVALID when it is not there, or leads out. */
export async function folderBelow(folder: string, path: string): Promise<string> {
  const whole = await pathBelow(folder, path);
  const there = await realpath(whole).catch(() => null);
  if (there !== null) return there;
  throw new RuntimeError("INVALID", `${path.slice(0, 200)} is not there.`);
}
