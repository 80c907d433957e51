// Reads the server's own log file: its last lines, and those that come, also when another file takes its place.

import { open, stat } from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";
import { RuntimeError } from "../../runtime/errors.ts";

/** Of the end of the file so much is read. */
const TAIL_BYTES = 8 * 1024 * 1024;
const PIECE_BYTES = 256 * 1024;
/** How often it is looked at again, ms. */
const LOOK_MS = 300;
/** A line that is longer is cut. */
const LINE_CHARS_MAX = 1024 * 1024;
/** As pino numbers them. */
const levelNames: Readonly<Record<number, string>> = {
  ...{ 10: "trace", 20: "debug", 30: "info", 40: "warn", 50: "error", 60: "fatal" },
};
const levelNumbers: Readonly<Record<string, number>> = { debug: 20, info: 30, warn: 40, error: 50 };

/** A line of it. */
export interface FileLine {
  /** As it stands there. */
  readonly text: string;
  /** Null: it is no line of the log. */
  readonly time: string | null;
  readonly level: string;
  readonly msg: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** Which of them are given. */
export interface FileLinesWanted {
  readonly level: string;
  /** ISO 8601. */
  readonly since: string | undefined;
  readonly search: string | undefined;
  /** Of those that are there. */
  readonly limit: number;
  readonly isFollowed: boolean;
}

/** The last lines, and then those that come. @throws NOT_FOUND. */
export async function* logFileLines(
  path: string,
  wanted: FileLinesWanted,
): AsyncGenerator<FileLine> {
  const reader = new Tail(path);
  const there = (await reader.first()).map(lineOf).filter((line) => isWanted(line, wanted));
  yield* there.slice(-wanted.limit);
  while (wanted.isFollowed) {
    await pause(LOOK_MS);
    for (const text of await reader.more()) {
      const line = lineOf(text);
      if (isWanted(line, wanted)) yield line;
    }
  }
}

function lineOf(text: string): FileLine {
  try {
    const { level, time, msg = "", ...fields } = JSON.parse(text) as Record<string, unknown>;
    const name = levelNames[Number(level)] ?? String(level);
    return { text, time: String(time), level: name, msg: String(msg), fields };
  } catch {
    return { text, time: null, level: "error", msg: "", fields: {} };
  }
}

function isWanted(line: FileLine, { level, since, search }: FileLinesWanted): boolean {
  const least = levelNumbers[level] ?? 0;
  if ((levelNumbers[line.level === "fatal" ? "error" : line.level] ?? 0) < least) return false;
  if (since !== undefined && (line.time ?? "") < since) return false;
  return search === undefined || line.text.toLowerCase().includes(search.toLowerCase());
}

/** Where a file was read up to. */
class Tail {
  readonly #path: string;
  #inode = 0;
  #offset = 0;
  #rest = "";

  constructor(path: string) {
    this.#path = path;
  }

  async first(): Promise<readonly string[]> {
    const found = await stat(this.#path).catch((cause: unknown) => {
      throw new RuntimeError("NOT_FOUND", `there is no log file at ${this.#path}.`, {}, { cause });
    });
    this.#inode = found.ino;
    this.#offset = Math.max(0, found.size - TAIL_BYTES);
    const lines = await this.#read(found.size);
    // The first one of a part is cut.
    return found.size > TAIL_BYTES ? lines.slice(1) : lines;
  }

  async more(): Promise<readonly string[]> {
    const found = await stat(this.#path).catch(() => null);
    if (found === null) return [];
    const isOther = found.ino !== this.#inode || found.size < this.#offset;
    if (isOther) {
      this.#inode = found.ino;
      this.#offset = 0;
      this.#rest = "";
    }
    return found.size > this.#offset ? await this.#read(found.size) : [];
  }

  async #read(size: number): Promise<readonly string[]> {
    const lines: string[] = [];
    const file = await open(this.#path, "r");
    const decoder = new TextDecoder();
    try {
      const piece = Buffer.alloc(PIECE_BYTES);
      while (this.#offset < size) {
        const most = Math.min(PIECE_BYTES, size - this.#offset);
        const { bytesRead } = await file.read(piece, 0, most, this.#offset);
        if (bytesRead === 0) break;
        this.#offset += bytesRead;
        const text = this.#rest + decoder.decode(piece.subarray(0, bytesRead), { stream: true });
        const parts = text.split("\n");
        this.#rest = (parts.pop() ?? "").slice(0, LINE_CHARS_MAX);
        lines.push(...parts.filter((part) => part !== ""));
      }
    } finally {
      await file.close();
    }
    return lines;
  }
}
