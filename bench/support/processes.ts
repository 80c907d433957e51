// Child processes of the bench: pinned to a core where the machine allows it, awaited until they
// say their port, read from /proc, and always ended.

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";

/** Cores: servers under test on one, provider and client on the other. */
export const cores = { server: 0, client: 1 } as const;

// Counted before this process is pinned: afterwards it would be one.
const coreCount = availableParallelism();

/** Whether processes can be pinned: two cores and taskset. */
export const canPin: boolean = coreCount >= 2 && hasTaskset();

/** Milliseconds a process may take until it listens. */
const START_MS = 20_000;
/** Milliseconds between SIGTERM and SIGKILL. */
const STOP_MS = 5_000;
/** Milliseconds a program that runs to its end may take. */
const RUN_MS = 120_000;
/** Lines of output kept for an error message. */
const OUTPUT_CHARS = 4_000;
/** Clock ticks of /proc per second. */
const TICKS = 100;

/** A running child process. */
export interface Running {
  readonly pid: number;
  readonly port: number;
  /** From the start of the process to the line that says its port. */
  readonly startMs: number;
  /** CPU seconds used so far, by all of its threads. */
  cpuSeconds(): number;
  /** Resident memory in bytes. */
  residentBytes(): number;
  /** Ends it; resolves when it is gone. */
  stop(signal?: NodeJS.Signals): Promise<void>;
}

/** What to start. */
export interface StartOptions {
  readonly name: string;
  readonly args: readonly string[];
  readonly core: number;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Finds the port in the output so far. Default: a line of JSON with `port`. */
  readonly portIn?: (output: string) => number | undefined;
}

const alive = new Map<ChildProcess, NodeJS.Signals>();
process.on("exit", () => {
  for (const [child, signal] of alive) child.kill(signal);
});
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => process.exit(1));
}

/** Ends a child with this process. SIGTERM: it has children of its own, which it ends itself. */
export function endWithUs(child: ChildProcess, signal: NodeJS.Signals = "SIGKILL"): void {
  alive.set(child, signal);
  child.once("exit", () => alive.delete(child));
}

/** Pins this process, which is the client, to the client's core. */
export function pinSelf(list = `${cores.client}`): void {
  if (canPin) execFileSync("taskset", ["-a", "-p", "-c", list, `${process.pid}`]);
}

/** Lets this process and the children it starts meanwhile use all cores. */
export async function withAllCores<T>(call: () => Promise<T>): Promise<T> {
  pinSelf(`0-${coreCount - 1}`);
  try {
    return await call();
  } finally {
    pinSelf();
  }
}

/** A command that may use all cores, although the bench itself, whose child it is, is pinned to one. */
export function unpinned(command: string, args: readonly string[]): [string, string[]] {
  return pinned(command, args, `0-${coreCount - 1}`);
}

function pinned(command: string, args: readonly string[], list: string): [string, string[]] {
  return canPin ? ["taskset", ["-c", list, command, ...args]] : [command, [...args]];
}

/** Starts `node ...args` and waits until it says its port. */
export async function startProcess(options: StartOptions): Promise<Running> {
  const { name, args, core, env, cwd } = options;
  const portIn = options.portIn ?? portOfLine;
  const [command, rest] = pinned(process.execPath, args, `${core}`);
  const startedMs = performance.now();
  const child = spawn(command, rest, {
    ...(cwd === undefined ? {} : { cwd }),
    env: { ...baseEnvironment(), ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  endWithUs(child);
  const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  let output = "";
  const port = await new Promise<number>((resolve, reject) => {
    const fail = (why: string): void => reject(new Error(`${name} ${why}:\n${output}`));
    const timer = setTimeout(() => fail("did not listen in time"), START_MS);
    const take = (piece: Buffer): void => {
      output = (output + piece.toString()).slice(-OUTPUT_CHARS);
      const found = portIn(output);
      if (found === undefined) return;
      clearTimeout(timer);
      resolve(found);
    };
    child.stdout?.on("data", take);
    child.stderr?.on("data", take);
    void gone.then(() => {
      clearTimeout(timer);
      fail("ended before it listened");
    });
  }).catch(async (error: unknown) => {
    child.kill("SIGKILL");
    await gone;
    throw error;
  });
  const pid = child.pid ?? 0;
  return {
    pid,
    port,
    startMs: performance.now() - startedMs,
    cpuSeconds: () => cpuSecondsOf(pid),
    residentBytes: () => residentBytesOf(pid),
    async stop(signal = "SIGTERM") {
      child.kill(signal);
      const timer = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
      await gone;
      clearTimeout(timer);
    },
  };
}

/** What to run to its end. */
export interface RunOptions {
  readonly command: string;
  readonly args: readonly string[];
  /** Null: wherever the machine puts it. */
  readonly core: number | null;
  readonly cwd?: string;
}

/** Runs a program to its end and returns what it printed. @throws with its last words when it fails. */
export async function runToEnd({ command, args, core, cwd }: RunOptions): Promise<string> {
  const [first, rest] = core === null ? unpinned(command, args) : pinned(command, args, `${core}`);
  const child = spawn(first, rest, {
    ...(cwd === undefined ? {} : { cwd }),
    env: baseEnvironment(),
    stdio: ["ignore", "pipe", "pipe"],
    timeout: RUN_MS,
    killSignal: "SIGKILL",
  });
  endWithUs(child);
  let printed = "";
  let words = "";
  child.stdout?.on("data", (piece: Buffer) => {
    printed += piece.toString();
  });
  child.stderr?.on("data", (piece: Buffer) => {
    words = (words + piece.toString()).slice(-OUTPUT_CHARS);
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  if (code !== 0) throw new Error(`${command} ${args.join(" ")} ended with ${code}:\n${words}`);
  return printed;
}

/** Only what a program needs: the bench's own settings must not reach a server under test. */
function baseEnvironment(): Record<string, string> {
  const { PATH = "", HOME = "", TMPDIR } = process.env;
  return { PATH, HOME, ...(TMPDIR === undefined ? {} : { TMPDIR }), NODE_ENV: "production" };
}

function portOfLine(output: string): number | undefined {
  const found = /^\{"port":(\d+)\}$/m.exec(output)?.[1];
  return found === undefined ? undefined : Number(found);
}

function cpuSecondsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS;
}

function residentBytesOf(pid: number): number {
  const line = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
  return Number(line?.[1] ?? 0) * 1024;
}

function hasTaskset(): boolean {
  try {
    execFileSync("taskset", ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}
