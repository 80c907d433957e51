// Processes of engines, wherever a target starts them: what they say on their standard error, their end, and limits
// that the machine keeps where it can.

import type { Readable } from "node:stream";
import { taskLimits } from "../../actors/engines/works.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import type { Redactor } from "../redaction.ts";
import type { Exit, Spawned, Spawner } from "../targets/spawner.ts";

/** Characters of standard error that are kept, the last ones, and of them that an error repeats. */
const KEPT_CHARS = 4_000;
const TOLD_CHARS = 300;
/** A short command has to have ended within this, ms. */
const SHORT_MS = 20_000;

/** The end of what a stream has said. */
export interface Tail {
  /** As an error repeats it: one line, or "". */
  told(): string;
}

/** Reads a stream to its end, and keeps the last of it. */
export function tailOf(stream: Readable): Tail {
  let kept = "";
  stream.setEncoding("utf8");
  stream.on("data", (piece: string) => {
    kept = (kept + piece).slice(-KEPT_CHARS);
  });
  stream.on("error", () => undefined);
  return {
    told: () => kept.replace(/\s+/g, " ").trim().slice(-TOLD_CHARS),
  };
}

/** How it ended, for people. */
export function exitText({ code, signal }: Exit): string {
  return signal === null ? `with code ${code ?? "unknown"}` : `by ${signal}`;
}

/** A loss of a target on which nothing has been done yet that could not be done again. */
export function nothingBegun(error: unknown): unknown {
  if (!(error instanceof RuntimeError) || error.code !== "TARGET_LOST") return error;
  const details = { ...error.details, began: false };
  return new RuntimeError("TARGET_LOST", error.message, details, { cause: error });
}

/** Runs a command that is over soon and may be run again. @returns whether it went well. @throws TARGET_LOST. */
export async function succeeds(
  spawner: Spawner,
  argv: readonly string[],
  signal: AbortSignal,
): Promise<boolean> {
  const cut = AbortSignal.any([signal, AbortSignal.timeout(SHORT_MS)]);
  let spawned: Spawned;
  try {
    spawned = await spawner.start({ argv }, cut);
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
  spawned.stdin.on("error", () => undefined).end();
  spawned.stdout.resume();
  spawned.stderr.resume();
  const kill = (): void => spawned.kill();
  cut.addEventListener("abort", kill, { once: true });
  try {
    return (await spawned.exit).code === 0;
  } catch (error) {
    throw nothingBegun(error);
  } finally {
    cut.removeEventListener("abort", kill);
  }
}

/** Whether there is no such program. */
function isMissing(error: unknown): boolean {
  return error instanceof RuntimeError && error.code === "PROVIDER_FAILED";
}

/** The same command with as much memory for its data, where the target has `prlimit`. */
export function withMemory(argv: readonly string[], memoryMb: number): readonly string[] {
  return ["prlimit", `--data=${memoryMb * 1_024 * 1_024}`, "--core=0", "--", ...argv];
}

/** Writes to what may be gone. */
export function write(spawned: Spawned, text: string): boolean {
  if (!spawned.stdin.writable) return false;
  spawned.stdin.write(text);
  return true;
}

/** What is told of a value, without secrets and no longer than is told of one. */
export function shortened(value: unknown, redactor: Redactor): unknown {
  const text = redactor.text(JSON.stringify(value ?? null));
  const plain = typeof value === "string" ? redactor.text(value) : text;
  try {
    if (text.length <= taskLimits.partChars) return JSON.parse(text) as unknown;
  } catch {
    // A secret that holds signs of JSON is hidden with them.
  }
  return `${plain.slice(0, taskLimits.partChars)} (cut)`;
}

/** What is given up before it has started does not start; what happens to it after that is its caller's. */
export async function startedUntil<T>(
  signal: AbortSignal,
  start: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const early = new AbortController();
  const stop = (): void => early.abort(signal.reason);
  signal.addEventListener("abort", stop, { once: true });
  if (signal.aborted) stop();
  try {
    return await start(early.signal);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}
