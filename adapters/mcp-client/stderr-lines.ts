// What a process writes to its standard error, as lines of the log: so many a minute, each up to a length.

import { seen } from "../../actors/mcp/definition.ts";
import type { Log } from "../../runtime/log.ts";

const LINE_CHARS_MAX = 1_000;
const LINES_A_MINUTE = 100;
const MINUTE_MS = 60_000;

/** Of one process. */
export class StderrLines {
  readonly #server: string;
  readonly #log: Log;
  readonly #nowMs: () => number;
  #begun = "";
  /** The line that is begun is longer than is kept: the rest of it is dropped. */
  #isCut = false;
  #sinceMs = 0;
  #lines = 0;

  constructor(server: string, log: Log, nowMs: () => number) {
    this.#server = server;
    this.#log = log;
    this.#nowMs = nowMs;
  }

  take(piece: string): void {
    const parts = piece.split("\n");
    for (const [at, part] of parts.entries()) {
      if (!this.#isCut) this.#begun += part.slice(0, LINE_CHARS_MAX);
      this.#isCut ||= this.#begun.length > LINE_CHARS_MAX;
      if (at === parts.length - 1) return;
      this.#write(this.#begun);
      this.#begun = "";
      this.#isCut = false;
    }
  }

  #write(text: string): void {
    const line = seen(text, LINE_CHARS_MAX);
    if (line === "") return;
    if (this.#nowMs() - this.#sinceMs > MINUTE_MS) {
      this.#sinceMs = this.#nowMs();
      this.#lines = 0;
    }
    this.#lines += 1;
    const server = this.#server;
    if (this.#lines <= LINES_A_MINUTE) {
      this.#log.write("info", "A tool server wrote to its standard error.", { server, line });
    } else if (this.#lines === LINES_A_MINUTE + 1) {
      this.#log.write("warn", "A tool server writes too much; the rest of a minute is left out.", {
        server,
      });
    }
  }
}
