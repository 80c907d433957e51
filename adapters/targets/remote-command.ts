// A command as a shell elsewhere is told it. The command line that ssh is given is always the same text: what is to be
// run comes as the first line of standard input, in which every character but plain ones is written as a number, so
// that no shell on the way, whichever a user has, sees anything of it that it could read.

import { randomBytes } from "node:crypto";
import { RuntimeError } from "../../runtime/errors.ts";
import type { SpawnCommand } from "./spawner.ts";

/** Reads the line, and does what it says in place of itself. The shell has a session, and so a process group, of its own. */
export const REMOTE_SHELL = `exec /bin/sh -c 'IFS= read -r l; eval "$(printf %b "$l")"'`;

/** Second line of standard input: it begins. */
const GO = "go";
export const GO_LINE = `${GO}\n`;

/**
 * Ends the group once the connection is gone: the process of sshd that has started the shell ends with it. It is no child
 * of the command, which may wait for all of its own.
 */
const WATCH = [
  'kill -0 "$PPID" 2>/dev/null && (',
  '( while kill -0 "$PPID"; do sleep 1; done; kill -9 -$$ ) </dev/null >/dev/null 2>&1 &',
  ")",
].join("\n");

/** Characters of such a line. */
const LINE_CHARS_MAX = 400_000;

/** What is told, and how its beginning is known. */
export interface RemoteCommand {
  /** First line of standard input, with its end. */
  readonly line: string;
  /** Begins the first line of standard output that is not a greeting: then comes the process group, or `!`. */
  readonly mark: string;
}

/** @throws INVALID for a command that is too long. */
export function remoteCommand(
  { argv, env = {} }: SpawnCommand,
  folder: string | undefined,
): RemoteCommand {
  const mark = randomBytes(12).toString("hex");
  const cd = `cd -- ${quoted(folder ?? ".")} 2>/dev/null || { echo "${mark} !"; exit 1; }`;
  const exports = Object.entries(env).map(([name, value]) => `export ${name}=${quoted(value)}`);
  // Until it is told to go on, nothing has begun: whoever hears no more of it knows that.
  const begin = `echo "${mark} $$"\nIFS= read -r g && [ "$g" = ${GO} ] || exit 1`;
  const script = [cd, begin, WATCH, ...exports, `exec ${argv.map(quoted).join(" ")}`].join("\n");
  const line = `${encoded(script)}\n`;
  if (line.length <= LINE_CHARS_MAX) return { line, mark };
  const message = `A command has at most ${LINE_CHARS_MAX} characters, as it is sent.`;
  throw new RuntimeError("INVALID", message);
}

/** One word of a POSIX shell. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** As `printf %b` reads it: bytes that are not plain as octal numbers. */
function encoded(text: string): string {
  let line = "";
  for (const byte of Buffer.from(text)) {
    const character = String.fromCharCode(byte);
    const isPlain = /[A-Za-z0-9_./:=,@ -]/.test(character);
    line += isPlain ? character : `\\0${byte.toString(8).padStart(3, "0")}`;
  }
  return line;
}
