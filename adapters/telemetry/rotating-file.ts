// A log file that is put aside when it is full, up to a number of files, and opened again when somebody else has
// moved it. Nobody waits for the disk: lines are held up to a limit, and what finds no room is counted and left out.

import { rename, rm, stat } from "node:fs/promises";
import { createRequire } from "node:module";
import type { destination } from "pino";

type Stream = ReturnType<typeof destination>;

/** Bytes of lines that are held while the disk does not take them. */
export const heldBytesMax = 4 * 1024 * 1024;
/** A file that could not be opened is tried again with a line that comes so much later, ms. */
const RETRY_MS = 5_000;
/** Longest that is waited for the last lines, ms. */
const END_MS = 2_000;

/** Where it is and what it may take. */
export interface RotatingFileOptions {
  readonly path: string;
  /** Size at which it is put aside. */
  readonly bytesMax: number;
  /** With those that were put aside: `.1` is the newest. */
  readonly filesMax: number;
  /** Told once for each time that it cannot be written. */
  readonly failed: (path: string, error: Error) => void;
}

/** One. */
export interface RotatingFile {
  /** @param line ends with a line break. */
  write(line: string): void;
  /** Opens it again if it is not there any more, or is another one. */
  look(): Promise<void>;
  /** Lines that were left out. */
  dropped(): number;
  /** Writes what is held. */
  end(): Promise<void>;
}

/** Opens one with its first line. */
export function createRotatingFile(options: RotatingFileOptions): RotatingFile {
  return new OneFile(options);
}

class OneFile implements RotatingFile {
  readonly #options: RotatingFileOptions;
  #stream: Stream | null = null;
  #isOpen = false;
  #isFailing = false;
  #retryAt = 0;
  #bytes = 0;
  #inode = 0;
  #rotating: Promise<void> | null = null;
  #dropped = 0;

  constructor(options: RotatingFileOptions) {
    this.#options = options;
  }

  write(line: string): void {
    if (this.#stream === null && Date.now() < this.#retryAt) this.#dropped += 1;
    else {
      this.#stream ??= this.#open();
      this.#stream.write(line);
    }
  }

  dropped(): number {
    return this.#dropped;
  }

  async look(): Promise<void> {
    if (this.#stream === null || !this.#isOpen || this.#rotating !== null) return;
    const found = await stat(this.#options.path).catch(() => null);
    if (found?.ino !== this.#inode) this.#reopen();
  }

  async end(): Promise<void> {
    await this.#rotating;
    const stream = this.#stream;
    if (stream === null) return;
    this.#stream = null;
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      timer = setTimeout(resolve, END_MS);
      stream.once("close", resolve);
      stream.once("error", () => resolve());
      stream.end();
    });
    clearTimeout(timer);
    if (this.#isFailing) stream.destroy();
  }

  /** The library that the server's log is written with; it is loaded with the first line. */
  #open(): Stream {
    const { path: dest } = this.#options;
    const library = createRequire(import.meta.url)("pino") as typeof import("pino");
    const how = { append: true, mkdir: true, sync: false, minLength: 0 };
    const stream = library.destination({ ...how, dest, maxLength: heldBytesMax });
    const { flushSync } = stream;
    this.#isOpen = false;
    stream.on("ready", () => {
      this.#isOpen = true;
      void this.#measure();
    });
    stream.on("drop", () => {
      this.#dropped += 1;
    });
    stream.on("write", (bytes) => {
      this.#isFailing = false;
      stream.flushSync = flushSync;
      this.#bytes += bytes;
      if (this.#bytes >= this.#options.bytesMax && this.#stream === stream) this.#rotate();
    });
    stream.on("error", (error) => {
      // It is called at the end of a process, and would wait there until the disk has room.
      stream.flushSync = () => undefined;
      this.#fail(error);
      if (this.#isOpen || this.#stream !== stream) return;
      // What was never opened is opened anew; what it held is lost.
      this.#stream = null;
      this.#retryAt = Date.now() + RETRY_MS;
      this.#dropped += 1;
    });
    return stream;
  }

  #reopen(): void {
    this.#stream?.reopen();
  }

  async #measure(): Promise<void> {
    const found = await stat(this.#options.path).catch(() => null);
    this.#inode = found?.ino ?? 0;
    this.#bytes = found?.size ?? 0;
    if (this.#bytes >= this.#options.bytesMax && this.#stream !== null) this.#rotate();
  }

  #rotate(): void {
    this.#rotating ??= this.#putAside()
      .catch((error: Error) => this.#fail(error))
      .finally(() => {
        this.#rotating = null;
      });
  }

  /** What comes meanwhile is still written to the file that has been renamed. */
  async #putAside(): Promise<void> {
    const { path, filesMax } = this.#options;
    // Also when it fails: it is tried again when as much more has been written.
    this.#bytes = 0;
    const aside = (at: number): string => (at === 0 ? path : `${path}.${at}`);
    await rm(aside(filesMax - 1), { force: true });
    for (let at = filesMax - 2; at >= 0; at -= 1) {
      await rename(aside(at), aside(at + 1)).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== "ENOENT") throw error;
      });
    }
    const stream = this.#stream;
    if (stream === null) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        stream.off("ready", done).off("error", done);
        resolve();
      };
      stream.on("ready", done).on("error", done);
      this.#reopen();
    });
  }

  #fail(error: Error): void {
    if (this.#isFailing) return;
    this.#isFailing = true;
    this.#options.failed(this.#options.path, error);
  }
}
