// Runs a command on a target to its end: what it wrote, within its limits, and how it went.

import type { Readable } from "node:stream";
import type { CommandEnd } from "../../actors/engines/port.ts";
import type { SpawnCommand, Spawner } from "./spawner.ts";

/** What is run, and how much it may take. */
export interface BoundedCommand extends SpawnCommand {
  readonly stdin: string;
  readonly timeoutMs: number;
  /** Of each output. */
  readonly outputBytes: number;
  readonly exitCodes: readonly number[];
  readonly isJson: boolean;
}

/** @throws as a spawner does. */
export async function runCommand(
  spawner: Spawner,
  { stdin, timeoutMs, outputBytes, exitCodes, isJson, ...command }: BoundedCommand,
  signal: AbortSignal,
): Promise<CommandEnd> {
  const child = await spawner.start(command, signal);
  const beganMs = performance.now();
  let fault: CommandEnd["fault"] = null;
  const end = (why: "timeout" | "output"): void => {
    fault ??= why;
    child.kill();
  };
  const timer = setTimeout(() => end("timeout"), timeoutMs);
  const flooded = (): void => end("output");
  const [out, errors] = [child.stdout, child.stderr].map((stream) =>
    collected(stream, outputBytes, flooded),
  );
  child.stdin.on("error", () => undefined);
  child.stdin.end(stdin);
  try {
    const { code, signal: by } = await child.exit;
    const text = out?.() ?? "";
    const parsed = isJson && fault === null ? jsonIn(text) : { value: text };
    return {
      ok: fault === null && parsed !== null && code !== null && exitCodes.includes(code),
      ...{ exitCode: code, signal: by, errors: errors?.() ?? "" },
      output: parsed === null ? text : parsed.value,
      fault: parsed === null ? "json" : fault,
      ms: Math.round(performance.now() - beganMs),
    };
  } finally {
    clearTimeout(timer);
  }
}

/** @returns what gives the text so far. @param flooded told once when there is more than may be. */
function collected(stream: Readable, bytesMax: number, flooded: () => void): () => string {
  const pieces: Buffer[] = [];
  let room = bytesMax;
  stream.on("error", () => undefined);
  stream.on("data", (piece: Buffer) => {
    if (room > 0) pieces.push(piece.subarray(0, room));
    if (piece.length > room && room >= 0) flooded();
    room -= piece.length;
  });
  return () => Buffer.concat(pieces).toString();
}

/** Null: it is none. */
function jsonIn(text: string): { readonly value: unknown } | null {
  try {
    return { value: JSON.parse(text) as unknown };
  } catch {
    return null;
  }
}
