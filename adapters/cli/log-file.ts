// Reads the server's own log file: its last lines, and those that come, also when another file takes its place.

import { type FileHandle, open, stat } from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";
import { RuntimeError } from "../../runtime/errors.ts";

/** Of the end of the file so much is read. */
const TAIL_BYTES = 8 * 1024 * 1024;
const PIECE_BYTES = 256 * 1024;
/** Read at one look; what is more comes with the next. */
const READ_BYTES_MAX = 2 * TAIL_BYTES;
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

/** The last lines, and then those that come. @param wait between two looks. @throws NOT_FOUND. */
export async function* logFileLines(
  path: string,
  wanted: FileLinesWanted,
  wait: () => unknown = () => pause(LOOK_MS),
): AsyncGenerator<FileLine> {
  const reader = new Tail(path);
  try {
    yield* linesOf(reader, wanted, wait);
  } finally {
    await reader.end();
  }
}

async function* linesOf(
  reader: Tail,
  wanted: FileLinesWanted,
  wait: () => unknown,
): AsyncGenerator<FileLine> {
  const there = (await reader.first()).map(lineOf).filter((line) => isWanted(line, wanted));
  yield* there.slice(-wanted.limit);
  while (wanted.isFollowed) {
    await wait();
    for (const text of await reader.more()) {
      const line = lineOf(text);
      if (isWanted(line, wanted)) yield line;
    }
  }
}

const bare = { time: null, level: "error", msg: "", fields: {} } as const;

function lineOf(text: string): FileLine {
  try {
    const { level, time, msg = "", ...fields } = JSON.parse(text) as Record<string, unknown>;
    if (typeof time !== "string") return { ...bare, text };
    const name = levelNames[Number(level)] ?? String(level);
    return { text, time, level: name, msg: String(msg), fields };
  } catch {
    return { ...bare, text };
  }
}

function isWanted(line: FileLine, { level, since, search }: FileLinesWanted): boolean {
  const least = levelNumbers[level] ?? 0;
  if ((levelNumbers[line.level === "fatal" ? "error" : line.level] ?? 0) < least) return false;
  if (since !== undefined && (line.time ?? "") < since) return false;
  return search === undefined || line.text.toLowerCase().includes(search.toLowerCase());
}

/** Where a file was read up to. It stays open: what is written to it until it is put aside is read, too. */
class Tail {
  readonly #path: string;
  #file: FileHandle | null = null;
  #decoder = new TextDecoder();
  #offset = 0;
  #rest = "";

  constructor(path: string) {
    this.#path = path;
  }

  async first(): Promise<readonly string[]> {
    this.#file = await open(this.#path, "r").catch((cause: unknown) => {
      const why = "start the server, or see logs.file of its troupe.yaml";
      const text = `there is no log file at ${this.#path}: ${why}.`;
      throw new RuntimeError("NOT_FOUND", text, {}, { cause });
    });
    const { size } = await this.#file.stat();
    this.#offset = Math.max(0, size - TAIL_BYTES);
    const lines = await this.#read(this.#file);
    // The first one of a part is cut.
    return size > TAIL_BYTES ? lines.slice(1) : lines;
  }

  async more(): Promise<readonly string[]> {
    const found = await stat(this.#path).catch(() => null);
    const before = await this.#file?.stat();
    const lines = this.#file === null ? [] : await this.#read(this.#file);
    if (found === null || found.ino === before?.ino) {
      // Emptied where it stands, it is read from its beginning.
      if ((before?.size ?? 0) < this.#offset) this.#restart();
      return lines;
    }
    const next = await open(this.#path, "r").catch(() => null);
    if (next === null) return lines;
    await this.end();
    this.#file = next;
    this.#restart();
    return [...lines, ...(await this.#read(next))];
  }

  async end(): Promise<void> {
    await this.#file?.close();
    this.#file = null;
  }

  #restart(): void {
    this.#offset = 0;
    this.#rest = "";
    this.#decoder = new TextDecoder();
  }

  /** Whole lines up to the end. */
  async #read(file: FileHandle): Promise<readonly string[]> {
    const lines: string[] = [];
    const piece = Buffer.alloc(PIECE_BYTES);
    for (let read = 0; read < READ_BYTES_MAX; ) {
      const { bytesRead } = await file.read(piece, 0, PIECE_BYTES, this.#offset);
      if (bytesRead === 0) break;
      this.#offset += bytesRead;
      read += bytesRead;
      const text =
        this.#rest + this.#decoder.decode(piece.subarray(0, bytesRead), { stream: true });
      const parts = text.split("\n");
      this.#rest = (parts.pop() ?? "").slice(0, LINE_CHARS_MAX);
      lines.push(...parts.filter((part) => part !== ""));
    }
    return lines;
  }
}
