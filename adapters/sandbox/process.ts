// One sandboxed process from its start to its end: what it is given, what it says, and what cuts it. When this
// returns, it and all that it has started are gone.

import { spawn } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import { residentMib } from "./process-memory.ts";

/** How often the memory of all its processes together is looked at, ms. */
const MEMORY_EVERY_MS = 100;

/** How to start a sandboxed process. */
export interface Sandbox {
  readonly program: string;
  readonly args: readonly string[];
  /** For the first descriptor behind the standard ones. */
  readonly seccomp: Buffer | null;
  /** Whom it is started as; undefined: as the server. */
  readonly user: { readonly uid: number; readonly gid: number } | undefined;
}

/** What bounds it. */
export interface ProcessLimits {
  /** For its standard input. */
  readonly input: string;
  readonly timeoutMs: number;
  /** Of its standard output: with more it is ended. */
  readonly outputBytes: number;
  /** Of its standard error: what is more is dropped. */
  readonly logBytes: number;
  /** Of all its processes together; null: it is not looked at. */
  readonly memoryMib: number | null;
}

/** How it has ended. */
export type EndedProcess =
  | {
      readonly type: "exit" | "time" | "output" | "memory";
      readonly code: number | null;
      readonly output: Buffer;
      readonly log: string;
    }
  /** There is no bubblewrap. */
  | { readonly type: "absent" };

/** Runs a command in a sandbox. It does not throw. */
export function runProcess(
  { program, args, seccomp, user }: Sandbox,
  command: readonly string[],
  limits: ProcessLimits,
): Promise<EndedProcess> {
  return new Promise((resolve) => {
    const child = spawn(program, [...args, "--", ...command], {
      ...{ cwd: "/", env: { PATH: "/usr/local/bin:/usr/bin:/bin" }, ...user },
      stdio: ["pipe", "pipe", "pipe", "pipe"],
    });
    let cut: "time" | "output" | "memory" | undefined;
    // Bubblewrap's end is that of its whole namespace of processes.
    const end = (why: "time" | "output" | "memory"): void => {
      cut ??= why;
      child.kill("SIGKILL");
    };
    const timer = setTimeout(() => end("time"), limits.timeoutMs);
    const { memoryMib } = limits;
    const watch =
      memoryMib === null
        ? undefined
        : setInterval(() => {
            if (residentMib(child.pid ?? 0) > memoryMib) end("memory");
          }, MEMORY_EVERY_MS);
    const stop = (): void => {
      clearTimeout(timer);
      clearInterval(watch);
    };
    const output = kept(child.stdout, limits.outputBytes, () => end("output"));
    const log = kept(child.stderr, limits.logBytes, () => undefined);
    give(child.stdin, limits.input);
    give(child.stdio[3] as Writable, seccomp ?? "");
    child.once("error", (error: NodeJS.ErrnoException) => {
      stop();
      if (error.code === "ENOENT") resolve({ type: "absent" });
      else resolve({ type: "exit", code: null, output: Buffer.alloc(0), log: error.code ?? "" });
    });
    child.once("close", (code) => {
      stop();
      resolve({ type: cut ?? "exit", code, output: output(), log: log().toString() });
    });
  });
}

/** What a stream says, up to a limit. */
function kept(stream: Readable, bytesMax: number, onMore: () => void): () => Buffer {
  const parts: Buffer[] = [];
  let bytes = 0;
  stream.on("data", (part: Buffer) => {
    const left = bytesMax - bytes;
    if (left > 0) parts.push(part.subarray(0, left));
    bytes += part.length;
    if (bytes > bytesMax) onMore();
  });
  stream.on("error", () => undefined);
  return () => Buffer.concat(parts);
}

/** Who does not listen to the end is told no more. */
function give(stream: Writable, what: string | Buffer): void {
  stream.on("error", () => undefined);
  stream.end(what);
}
